"""`mvd split`: split own pictures by identity into training, validation and test."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from mvd.data.layouts import scan
from mvd.data.layouts.own_folder import LISTS, UNFINISHED
from mvd.data.layouts.own_table import read_table
from mvd.data.split import list_text, split_people, table_text
from mvd.errors import DatasetError
from mvd.files.locks import folder_locked, name_locked
from mvd.files.regular import is_folder, is_there
from mvd.results.datasets import SplitResult
from mvd.runs import write_atomically


def split(data: str | Path, *, train: float = 0.5, validation: float = 0.1, seed: int = 0) -> SplitResult:
    """Split own pictures at random by identity, and write the split beside them.

    A folder gets `train_id.txt`, `val_id.txt` and `test_id.txt`; empty lists are not written. A table is kept, and a
    copy with a column "split" is written beside it: `NAME-split.csv` for `NAME.csv`.

    Args:
        data: the folder or the table.
        train: fraction of the people for training, 0 … 1.
        validation: fraction for validation, which determines the best checkpoint, 0 … 1; the rest is for the test.
        seed: seed of the random order.

    Raises:
        ConfigError: the fractions are out of range.
        DatasetError: the data set is a benchmark, has a defect, is split already, or has no person in both modalities;
            or the split cannot be written.
    """
    data = Path(data)
    with ExitStack() as stack:
        try:
            if is_folder(data):
                stack.enter_context(folder_locked(data))
                _remove_unfinished(data)
            elif is_there(data):
                stack.enter_context(name_locked(_new_table(data)))
        except OSError as error:
            raise _cannot_write(data, error) from error
        return _split(data, train, validation, seed)


def _split(data: Path, train: float, validation: float, seed: int) -> SplitResult:
    dataset = scan(data)
    if dataset.name != "own":
        raise DatasetError(f"{data}: expected own data, found {dataset.name}, whose people are split already")
    _require_unsplit(data)
    splits = split_people(dataset.test, train, validation, seed)
    counts = {name: len(people) for name, people in splits.items()}
    if not any(counts.values()):
        raise DatasetError(f"{data}: expected people seen in both modalities, found none; add pictures of them")
    if not is_folder(data):
        out = _new_table(data)
        _write_new({out: table_text(read_table(data), splits)})
    else:
        out = data
        lists = zip(LISTS.values(), splits.values(), strict=True)
        texts = {data / file: list_text(dataset.names[i] for i in people) for file, people in lists if people}
        _write_new(texts, data / UNFINISHED)
    return SplitResult(data=out, **counts, left_out=len(dataset.test.people) - sum(counts.values()))


def _new_table(data: Path) -> Path:
    return data.with_name(f"{data.stem}-split.csv")


def _require_unsplit(data: Path) -> None:
    if not is_folder(data):
        if "split" in read_table(data).columns:
            raise DatasetError(
                f"{data}: expected a table without the column split, found one; use it, or remove it first"
            )
        return
    taken = [data / file for file in LISTS.values() if is_there(data / file)]
    if taken:
        raise DatasetError(
            f"{taken[0]}: expected no lists of people yet, found this one; use them, or remove them first"
        )


def _write_new(texts: Mapping[Path, str], unfinished: Path | None = None) -> None:
    """Write all new files or none. If the process is killed in between, `unfinished` remains, for a scan to detect."""
    for file in texts:
        if is_there(file):
            raise DatasetError(f"{file}: expected to write a new file, found one; use it, or remove it first")
    try:
        if unfinished is not None:
            write_atomically(unfinished, "mvd split is writing lists of people here\n")
        for file, text in texts.items():
            write_atomically(file, text)
        if unfinished is not None:
            unfinished.unlink()
    except OSError as error:
        with suppress(OSError):  # the first error matters
            for written in (*texts, *filter(None, [unfinished])):
                written.unlink(missing_ok=True)
        raise _cannot_write(file, error) from error


def _remove_unfinished(folder: Path) -> None:
    """Remove the lists of a split whose process was killed between them."""
    if is_there(folder / UNFINISHED):
        for name in (*LISTS.values(), UNFINISHED):
            (folder / name).unlink(missing_ok=True)


def _cannot_write(file: Path, error: OSError) -> DatasetError:
    return DatasetError(
        f"{file}: expected a place to write to, could not ({error.strerror or error}); free space or allow it"
    )
