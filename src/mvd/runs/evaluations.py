"""The test figures in a run folder, which `mvd evaluate` writes: evaluation-best.json and evaluation-last.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mvd.errors import RunError
from mvd.files.strict_json import parse_json
from mvd.runs.card import CardFigures
from mvd.runs.log import read_text


def read_evaluation(file: Path, root: str) -> dict[str, Any] | None:
    """Read figures of a run's own data set; None if there are none.

    Args:
        file: the file; it need not exist.
        root: the data set's folder or table.

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
    """Take the figures of a checkpoint from an evaluation; none if it evaluated other weights.

    Raises:
        RunError: it holds something else.
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
