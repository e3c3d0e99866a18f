"""Test figures in a run folder, written by `mvd evaluate`: evaluation-best.json and evaluation-last.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mvd.errors import RunError
from mvd.files.strict_json import parse_json
from mvd.runs.card import CardFigures
from mvd.runs.log import read_text


def read_evaluation(file: Path, root: str) -> dict[str, Any] | None:
    """Read the figures on a run's own data set; None if there are none.

    Args:
        file: the file; it need not exist.
        root: folder or table of the data set.

    Raises:
        RunError: the file cannot be read.
    """
    try:
        record: dict[str, Any] | None = parse_json(read_text(file)) if file.exists() else None
        if record is None:
            return None
        # Files of 0.1.0 may hold the figures of any data set.
        own = record.get("own", record.get("data", root) == root)
    except (ValueError, AttributeError) as error:
        raise _something_else(file, error) from error
    return record if own else None


def tested_figures(record: Mapping[str, Any] | None, checkpoint: Path, step: int) -> list[CardFigures]:
    """Return the figures of a checkpoint in an evaluation; an empty list if other weights were evaluated.

    Raises:
        RunError: the record has another format.
    """
    try:
        if record is None or Path(record.get("weights", "")).name != checkpoint.name or record.get("step") != step:
            return []
        return [
            CardFigures(
                protocol=result["protocol"],
                people="test",
                ranking=result["ranking"],
                values={name.replace("_", "-"): float(value) for name, value in result["mean"].items()},
            )
            for result in record["results"]
        ]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _something_else(checkpoint.parent.parent / f"evaluation-{checkpoint.stem}.json", error) from error


def _something_else(file: Path, error: Exception) -> RunError:
    return RunError(f"{file}: expected what mvd evaluate writes, found something else ({error})")
