"""Files of lines that only grow: a full disk and a killed process leave no part of a line."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mvd.errors import GalleryError, RunError
from mvd.files.appending import append, end_last_line
from mvd.gallery.log import FILE, Log
from mvd.gallery.place import Place
from mvd.gallery.verdicts import VERDICTS, Verdict, add_verdict, read_verdicts
from mvd.original.performance import PerformanceFile

ONE = Verdict(
    model="m", query="a", pictures=1, row="0" * 16, similarity=0.5, query_modality=1, gallery_modality=0, same=True
)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file become larger, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_what_does_not_fit_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    append(file, "first\n", durable=True)
    with room_for(10), pytest.raises(OSError, match="too large"):
        append(file, "second, which is longer\n")
    assert file.read_text() == "first\n"
    append(file, "third\n")
    assert file.read_text() == "first\nthird\n"


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ("", "", ""),
        ('{"a": 1}\n', '{"a": 1}\n', '{"a": 1}\n'),
        ('{"a": 1}\n{"b": ', '{"a": 1}\n', '{"a": 1}\n{"b": \n'),
        ('{"a": 1}\n{"b": 2}', '{"a": 1}\n{"b": 2}\n', '{"a": 1}\n{"b": 2}\n'),
        ('{"a": ', "", '{"a": \n'),
        ('{"a": 1}\n{"b": "' + "x" * 3_000_000, '{"a": 1}\n', None),
    ],
)
def test_an_incomplete_last_line_is_removed_or_ended(tmp_path: Path, before: str, after: str, kept: str | None) -> None:
    file = tmp_path / "lines"
    file.write_text(before)
    end_last_line(file)
    assert file.read_text() == after
    if kept is not None:
        file.write_text(before)
        end_last_line(file, keep=True)
        assert file.read_text() == kept
    end_last_line(tmp_path / "missing")
    assert not (tmp_path / "missing").exists()


def test_a_full_disk_leaves_every_verdict(tmp_path: Path) -> None:
    add_verdict(tmp_path, ONE)
    file = tmp_path / VERDICTS
    with room_for(file.stat().st_size + 40), pytest.raises(RunError, match="free space there"):
        add_verdict(tmp_path, ONE)
    with file.open("a") as handle:
        handle.write('{"time": "2024')  # the machine stopped here
    assert read_verdicts(tmp_path) == [ONE]
    add_verdict(tmp_path, ONE)
    assert [json.loads(line)["row"] for line in file.read_text().splitlines()] == [ONE.row] * 2


def test_a_full_disk_leaves_the_log_whole(tmp_path: Path) -> None:
    """Also the rest of the line, which would fit once its beginning is removed."""
    log, file = Log(Place.of(tmp_path)), tmp_path / FILE
    log.append("search", rows=[])
    with room_for(file.stat().st_size + 300), pytest.raises(GalleryError, match="No space left"):
        log.append("search", rows=["0" * 16] * 20)
    assert (log.audit().broken, log.audit().lines) == (None, 1)
    log.append("search", rows=[])
    assert (log.audit().broken, log.audit().lines) == (None, 2)


def test_a_line_that_is_being_written_to_the_log_is_none_yet(tmp_path: Path) -> None:
    log, file = Log(Place.of(tmp_path)), tmp_path / FILE
    log.append("search")
    with file.open("a") as handle:
        handle.write('{"time":"2024')
    assert (log.audit().broken, log.audit().lines) == (None, 1)


def test_the_release_s_file_goes_on_in_a_new_line(tmp_path: Path) -> None:
    file = tmp_path / "SYSU_train_performance.txt"
    file.write_text("==> Start Training...\nEpoch: [1][20/")
    performance = PerformanceFile(file)
    with room_for(file.stat().st_size + 4), pytest.raises(RunError, match="make room"):
        performance.write("Epoch: [2][20/60]")
    performance.write("Epoch: [3][20/60]")
    assert file.read_text().splitlines() == ["==> Start Training...", "Epoch: [1][20/", "Epoch: [3][20/60]"]
