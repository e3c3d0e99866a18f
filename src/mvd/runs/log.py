"""Read text files of a run, and parse its log, metrics.jsonl: one JSON object per log step, validation or change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mvd.errors import RunError
from mvd.files.regular import require_regular
from mvd.files.strict_json import parse_json


def parse_log(text: str, file: Path) -> list[tuple[str, dict[str, Any]]]:
    """Parse a log: each line with its record. A truncated last line is ignored.

    Raises:
        RunError: another line is damaged.
    """
    lines = text.split("\n")[:-1]
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            record = parse_json(line)
        except ValueError as error:
            if number == len(lines):
                break
            raise _wrong_line(file, number, error) from error
        try:
            _require_record(record)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise _wrong_line(file, number, error) from error
        found.append((line, record))
    return found


def read_text(file: Path) -> str:
    """Read a text file of a run.

    Raises:
        RunError: the file cannot be read, or is a pipe or a device.
    """
    try:
        require_regular(file)
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunError(f"{file}: expected a file of a run, could not read it ({reason}); restore it") from error


def _require_record(record: Any) -> None:
    """Refuse a line of metrics.jsonl whose figures are not numbers, by an error that signals a wrong type."""
    steps = [record["step"], record.get("epoch", 0)]
    figures = [*record.get("losses", {}).values(), *record.get("memory", {}).values()]
    if "losses" in record:
        steps.append(record["epoch"])
        figures += [record["accuracy"], record["pictures_per_second"]]
    if "validation" in record:
        steps.append(record["epoch"])
        figures += [record["validation"]["mAP"], *record["validation"].values()]
    if any(type(step) is not int or step < 0 for step in steps) or not all(type(n) in (int, float) for n in figures):
        raise ValueError("a figure that is no number")


def _wrong_line(file: Path, number: int, error: Exception) -> RunError:
    return RunError(f"{file}: expected a JSON object in line {number}, found something else ({error}); remove the line")
