"""The journal: what was entered is found again, unless it is torn or about something else; one reader at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from mvd.data.journal import Journal, open_journal
from mvd.errors import DatasetError

WORK = {"one": "a", "other": "b"}


class StoppedError(Exception):
    pass


@contextlib.contextmanager
def stopped(file: Path, work: Mapping[str, str] = WORK) -> Iterator[Journal]:
    """Open a journal for something that is stopped in the end, so that it stays."""
    with contextlib.suppress(StoppedError), open_journal(file, work) as journal:
        yield journal
        raise StoppedError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A journal with three entries."""
    file = tmp_path / "journal"
    with stopped(file) as journal:
        journal.add("one", 0, "x")
        journal.add("one", 8, "y")
        journal.add("other", 0, "z")
        journal.write()
    return file


def test_what_was_written_is_found_again(file: Path) -> None:
    with stopped(file) as journal:
        assert [journal.stamp("one", 0), journal.stamp("one", 8), journal.stamp("other", 0)] == ["x", "y", "z"]
        assert journal.stamp("other", 8) is None
        assert not journal.whole


def test_what_was_only_added_is_not(file: Path) -> None:
    with stopped(file) as journal:
        journal.add("one", 16, "w")
    with stopped(file) as journal:
        assert journal.stamp("one", 16) is None


def test_the_last_stamp_of_a_chunk_counts(file: Path) -> None:
    with stopped(file) as journal:
        journal.add("one", 0, "new")
        journal.write()
    with stopped(file) as journal:
        assert journal.stamp("one", 0) == "new"


def test_parts_with_another_fingerprint_are_forgotten_for_good(file: Path) -> None:
    with stopped(file, {"one": "a", "other": "changed"}) as journal:
        assert (journal.stamp("one", 0), journal.stamp("other", 0)) == ("x", None)
    with stopped(file) as journal:
        assert (journal.stamp("one", 0), journal.stamp("other", 0)) == ("x", None)


def test_a_part_can_be_forgotten(file: Path) -> None:
    with stopped(file) as journal:
        journal.mark_whole()
        journal.forget("one")
        assert not journal.whole
    with stopped(file) as journal:
        assert (journal.stamp("one", 0), journal.stamp("other", 0)) == (None, "z")
        assert not journal.whole


def test_all_being_whole_is_remembered_for_the_same_work_only(file: Path) -> None:
    with stopped(file) as journal:
        journal.mark_whole()
    with stopped(file) as journal:
        assert journal.whole
    with stopped(file, {"one": "a"}) as journal:
        assert not journal.whole


def test_wherever_it_is_torn_the_lines_before_count_and_more_can_be_added(file: Path) -> None:
    content = file.read_bytes()
    for length in range(len(content)):
        file.write_bytes(content[:length])
        entries = max(content[:length].count(b"\n") - 1, 0)
        with stopped(file) as journal:
            found = [journal.stamp("one", 0), journal.stamp("one", 8), journal.stamp("other", 0)]
            assert found == ["x", "y", "z"][:entries] + [None] * (3 - entries)
            journal.add("other", 99, "added")
            journal.write()
        with stopped(file) as journal:
            assert journal.stamp("other", 99) == "added"
            assert journal.stamp("one", 0) == found[0]


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\xff\xfe\n", b"[]\n", b'"one"\n', b"{}\n[1, 2, 3]\n", b'{"one": 1}\n']
)
def test_anything_else_counts_as_nothing(file: Path, content: bytes) -> None:
    file.write_bytes(content + b'["one", 0, "x"]\n')
    with stopped(file) as journal:
        assert journal.stamp("one", 0) is None


def test_it_vanishes_when_all_went_well(file: Path) -> None:
    with open_journal(file, WORK):
        assert file.exists()
    assert not file.exists()


def test_it_is_open_once_at_a_time(file: Path) -> None:
    with stopped(file):
        with (
            pytest.raises(DatasetError, match=f"{file.parent}: expected no other mvd prepare"),
            open_journal(file, WORK),
        ):
            pass
        assert file.exists()
    with open_journal(file, WORK) as journal:
        assert journal.stamp("one", 8) == "y"
