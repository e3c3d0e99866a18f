"""The report of `mvd check` for the terminal, readable without colour and at 80 columns.

Counts first, then notes, then defects; the last line says what to do next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mvd.data.checking.check import CameraCounts, Inspection, Sizes, SplitCounts
from mvd.data.samples import Dataset
from mvd.errors import counted
from mvd.files.names import one_line, shell_words
from mvd.reporting.terminal.style import plain_table

_NAMES = {"sysu": "SYSU-MM01", "regdb": "RegDB", "llcm": "LLCM", "own": "own data"}


def inspection_report(inspection: Inspection) -> RenderableType:
    """Lay out an inspection, to print with a rich console."""
    parts: list[RenderableType] = []
    if inspection.dataset is not None:
        parts += [Text(one_line(f"{inspection.data}: {_title(inspection.dataset)}")), _splits(inspection.splits)]
    if inspection.cameras:
        parts.append(_cameras(inspection.cameras))
    if inspection.sizes is not None:
        parts += [Text(_describe(inspection.sizes)), Text()]
    for heading, lines in (("Worth knowing", inspection.notes), ("Defects", inspection.defects)):
        if lines:
            parts += [Text(heading), _numbered(lines), Text()]
    return Group(*parts, Text(_conclusion(inspection)))


def _title(dataset: Dataset) -> str:
    trial = "" if dataset.trial is None else f", trial {dataset.trial}"
    return _NAMES[dataset.name] + trial


def _splits(splits: Iterable[SplitCounts]) -> Table:
    table = plain_table("", "people", "visible", "infrared", "cameras")
    table.columns[-1].justify, table.columns[-1].no_wrap = "left", False
    for name, people, visible, infrared, cameras in splits:
        table.add_row(name, f"{people:,}", f"{visible:,}", f"{infrared:,}", _ranges(cameras))
    return table


def _cameras(cameras: Iterable[CameraCounts]) -> Table:
    table = plain_table("camera", "modality", "people", "pictures", text=2)
    for camera, modality, people, pictures in cameras:
        table.add_row(_camera(camera), modality.name.lower(), f"{people:,}", f"{pictures:,}")
    return table


def _numbered(lines: Sequence[str]) -> RenderableType:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for number, line in enumerate(lines, start=1):
        # Escape before wrapping: escaping makes the text longer, and it would be cut off.
        table.add_row(f"{number}.", Text(one_line(line)))
    return Padding(table, (0, 0, 0, 1))


def _describe(sizes: Sizes) -> str:
    smallest, median, largest = (f"{height}×{width}" for height, width in sizes)
    return f"height × width in pixels: smallest {smallest}, median {median}, largest {largest}"


def _conclusion(inspection: Inspection) -> str:
    if inspection.defects:
        return counted(len(inspection.defects), "defect")
    data, dataset = shell_words(inspection.data), inspection.dataset
    trial = f" --trial {dataset.trial}" if dataset is not None and dataset.trial is not None else ""
    lines = [f"to train on some of these people: mvd split {data}"] if dataset and not len(dataset.train) else []
    if "train" in inspection.ready:
        out = "" if "prepare" in inspection.ready else " --out FOLDER"
        lines.append(f"ready for: mvd prepare {data}{trial}{out}")
    elif "test" in inspection.ready:
        lines.append(f"ready for: mvd evaluate RUN --data {data}")
    return "\n".join(lines) or "no defects; nothing was rehearsed"


def _camera(camera: int) -> str:
    return str(camera) if camera else "not known"


def _ranges(numbers: Sequence[int]) -> str:
    """Write ascending camera numbers, consecutive ones as a range: 1–3, 5."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1 != 0:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(_camera(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)
