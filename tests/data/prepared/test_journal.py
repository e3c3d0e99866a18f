"""The journal: what was recorded is found again, unless it is torn or of another job; one process at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mvd.data.prepared.journal import Journal, open_journal
from mvd.errors import DatasetError


class StoppedError(Exception):
    pass


@contextlib.contextmanager
def stopped(file: Path, fingerprint: str = "a") -> Iterator[Journal]:
    """Open a journal for a job that is stopped in the end, so that it stays."""
    with contextlib.suppress(StoppedError), open_journal(file, fingerprint) as journal:
        yield journal
        raise StoppedError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A journal with three entries."""
    file = tmp_path / "journal"
    with stopped(file) as journal:
        journal.add([("one 0", "x"), ("one 8", "y")])
        journal.add([("other 0", "z")])
    return file


ENTRIES = {"fingerprint": "a", "one 0": "x", "one 8": "y", "other 0": "z"}


def test_what_was_recorded_is_found_again(file: Path) -> None:
    with stopped(file) as journal:
        assert journal.entries == ENTRIES


def test_the_last_value_of_a_key_counts(file: Path) -> None:
    with stopped(file) as journal:
        journal.add([("one 0", "new")])
    with stopped(file) as journal:
        assert journal.entries == {**ENTRIES, "one 0": "new"}


def test_another_job_starts_from_nothing(file: Path) -> None:
    for fingerprint in ("b", "a"):
        with stopped(file, fingerprint) as journal:
            assert journal.entries == {}


def test_it_can_be_cleared(file: Path) -> None:
    with stopped(file) as journal:
        journal.clear()
        journal.add([("one 8", "w")])
    with stopped(file) as journal:
        assert journal.entries == {"fingerprint": "a", "one 8": "w"}


def test_wherever_it_is_torn_the_lines_before_count_and_more_can_be_added(file: Path) -> None:
    content = file.read_bytes()
    for length in range(len(content)):
        file.write_bytes(content[:length])
        whole = dict(list(ENTRIES.items())[: content[:length].count(b"\n")])
        with stopped(file) as journal:
            assert journal.entries == whole
            journal.add([("added", "later")])
        with stopped(file) as journal:
            assert journal.entries == {"fingerprint": "a", **whole, "added": "later"}


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\n", b"[]\n", b'"one"\n', b"{}\n", b"[1, 2, 3]\n", b"3\n"])
def test_anything_else_counts_as_nothing(file: Path, content: bytes) -> None:
    file.write_bytes(content + b'["one 0", "x"]\n')
    with stopped(file) as journal:
        assert journal.entries == {}


def test_it_vanishes_when_all_went_well(file: Path) -> None:
    with open_journal(file, "a"):
        assert file.exists()
    assert not file.exists()


def test_it_is_open_once_at_a_time(file: Path) -> None:
    with stopped(file):
        with pytest.raises(DatasetError, match=f"{file.parent}: expected no other mvd prepare"), open_journal(file, ""):
            pass
        assert file.exists()
    with open_journal(file, "a") as journal:
        assert journal.entries == ENTRIES
