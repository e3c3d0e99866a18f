"""`mvd split`: split own pictures by people into training, validation and test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mvd.data.layouts import scan
from mvd.data.layouts.own_folder import LISTS
from mvd.data.layouts.own_table import read_table
from mvd.data.split import list_text, split_people, table_text
from mvd.errors import DatasetError
from mvd.results.datasets import SplitResult
from mvd.runs import write_atomically


def split(data: str | Path, *, train: float = 0.5, validation: float = 0.1, seed: int = 0) -> SplitResult:
    """Split own pictures by people, at random, and write the split beside them.

    A folder gets `train_id.txt`, `val_id.txt` and `test_id.txt`; empty lists are not written. A table is kept, and a
    new one with a column split is written beside it: `NAME-split.csv` for `NAME.csv`.

    Args:
        data: the folder or the table.
        train: share of the people to train on, 0 … 1.
        validation: share to choose the best checkpoint by, 0 … 1; the rest is tested on.
        seed: of the random order.

    Raises:
        ConfigError: the shares are out of range.
        DatasetError: the data is a benchmark's, has a defect, is split already, has nobody in both modalities, or the
            split cannot be written.
    """
    data = Path(data)
    dataset = scan(data)
    if dataset.name != "own":
        raise DatasetError(f"{data}: expected own data, found {dataset.name}, whose people are split already")
    _require_unsplit(data)
    splits = split_people(dataset.test, train, validation, seed)
    counts = {name: len(people) for name, people in splits.items()}
    if not any(counts.values()):
        raise DatasetError(f"{data}: expected people seen in both modalities, found none; add pictures of them")
    if data.is_file():
        out = data.with_name(f"{data.stem}-split.csv")
        _write_new({out: table_text(read_table(data), splits)})
    else:
        out = data
        lists = zip(LISTS.values(), splits.values(), strict=True)
        _write_new({data / file: list_text(dataset.names[i] for i in people) for file, people in lists if people})
    return SplitResult(data=out, **counts, left_out=len(dataset.test.people) - sum(counts.values()))


def _require_unsplit(data: Path) -> None:
    if data.is_file():
        if "split" in read_table(data).columns:
            raise DatasetError(
                f"{data}: expected a table without the column split, found one; use it, or remove it first"
            )
        return
    taken = [data / file for file in LISTS.values() if (data / file).exists()]
    if taken:
        raise DatasetError(
            f"{taken[0]}: expected no lists of people yet, found this one; use them, or remove them first"
        )


def _write_new(texts: Mapping[Path, str]) -> None:
    """Write new files: all of them, or none."""
    for file in texts:
        if file.exists():
            raise DatasetError(f"{file}: expected to write a new file, found one; use it, or remove it first")
    try:
        for file, text in texts.items():
            write_atomically(file, text)
    except OSError as error:
        for file in texts:
            file.unlink(missing_ok=True)
        raise DatasetError(
            f"{file}: expected a place to write to, could not ({error.strerror or error}); free space or allow it"
        ) from error
