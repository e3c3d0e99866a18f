"""Read what finished runs of a table, such as an ablation's, have in their folders: test figures, and which runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from mvd.errors import RunError
from mvd.files.strict_json import parse_json
from mvd.metrics.scores import Figures

FIGURES = "figures.json"
"""File of the test figures in a run folder."""

RunFigures: TypeAlias = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Descriptor → protocol → figure, such as "mAP" → its mean over trials, from 0 to 1."""

_SEED = re.compile(r"seed-(0|[1-9]\d*)")


def read_figures(folder: Path, descriptors: Sequence[str]) -> RunFigures:
    """Read the test figures of a finished run.

    Args:
        folder: the run folder.
        descriptors: the descriptors that were tested.

    Raises:
        RunError: the file is damaged, or has other descriptors.
    """
    file = folder / FIGURES
    try:
        found: RunFigures = parse_json(file.read_text(encoding="utf-8"))
        if set(found) != set(descriptors):
            raise ValueError(f"figures of {', '.join(map(str, found)) or 'nothing'}")
        for protocols in found.values():
            check_figures(protocols)
    except (OSError, ValueError, TypeError) as error:
        raise damaged(file, error) from error
    return found


def check_figures(protocols: object) -> None:
    """Check that a value is protocol → figure → number, with the figures of every protocol.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(protocols, Mapping) or not protocols:
        raise ValueError("no figures")
    for protocol, means in protocols.items():
        if not isinstance(means, Mapping) or not set(Figures._fields) <= set(means):
            raise ValueError(f"no figures of {protocol}")
        if any(type(value) not in {int, float} or not 0 <= value <= 1 + 1e-6 for value in means.values()):
            raise ValueError(f"other figures of {protocol} than numbers from 0 to 1")


def require_one_kind(figures: Mapping[Path, RunFigures]) -> None:
    """Check that the figures of runs, by folder, are of the same protocols, so that they can be compared.

    Raises:
        RunError: those of a run are not.
    """
    kinds = {folder: {name for one in found.values() for name in one} for folder, found in figures.items()}
    usual = next(iter(kinds.values()), set())
    for folder, kind in kinds.items():
        if kind != usual:
            error = ValueError(f"figures of {', '.join(sorted(kind))}, not of {', '.join(sorted(usual))}")
            raise damaged(folder / FIGURES, error)


def damaged(file: Path, error: Exception) -> RunError:
    """Make the error of a file of figures that cannot be used."""
    return RunError(
        f"{file}: expected the figures of a run, found something else ({error}); delete the file, and start the same "
        f"command again"
    )


def runs_of(row: Path) -> dict[int, Path]:
    """List the runs in the folder of a row by their seeds, ascending; other folders, such as copies, are no runs."""
    found = {int(match[1]): file for file in row.glob("seed-*") if (match := _SEED.fullmatch(file.name))}
    return dict(sorted(found.items()))


def tested_runs(row: Path) -> dict[int, Path]:
    """List the tested runs in the folder of a row by their seeds, ascending."""
    return {seed: folder for seed, folder in runs_of(row).items() if (folder / FIGURES).is_file()}


def tested_rows(place: Path) -> list[str]:
    """List the rows in a folder that have a tested run, by name."""
    names = {file.parents[1].name for file in place.glob(f"*/seed-*/{FIGURES}")}
    return sorted(name for name in names if tested_runs(place / name))
