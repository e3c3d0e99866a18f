"""Atomic writes: the old file or the new one, and nothing beside it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mvd.files.atomic import cannot_write, is_temporary, replacing
from mvd.files.locks import lock, remove_if_abandoned


def test_a_file_is_replaced_once_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"old")
    with replacing(file) as temporary:
        assert temporary.parent == tmp_path
        assert is_temporary(temporary)
        temporary.write_bytes(b"new")
        assert file.read_bytes() == b"old"
    assert file.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("kind", [OSError, ValueError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_the_old_file_alone(tmp_path: Path, kind: type[BaseException]) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"old")
    with pytest.raises(kind), replacing(file) as temporary:
        _write_half(temporary, kind)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_two_writers_of_one_name_do_not_meet(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    with replacing(file) as first:
        with replacing(file) as second:
            first.write_text("first")
            second.write_text("second")
        assert file.read_text() == "second"
    assert file.read_text() == "first"


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_permissions_are_those_of_a_new_file_whatever_wrote_it(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    with replacing(file) as temporary:
        temporary.unlink()
        temporary.touch(0o600)
    (tmp_path / "plain").touch()
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_a_writer_that_removes_its_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a.bin") as temporary:
        temporary.unlink()
    assert not list(tmp_path.iterdir())


def test_other_names_are_not_temporary() -> None:
    assert not any(is_temporary(Path(name)) for name in (".a.part", "a.0123456789abcdef.part", ".0123456789abcdef"))


def _write_half(file: Path, error: type[BaseException]) -> None:
    file.write_bytes(b"half")
    raise error


@pytest.mark.skipif(os.name == "nt", reason="POSIX locks")
@pytest.mark.parametrize("content", [b"half", b""])  # killed while it wrote, or before
def test_the_temporary_file_of_a_writer_that_was_killed_is_removed_by_the_next_one(
    tmp_path: Path, content: bytes
) -> None:
    file, others = tmp_path / "a.bin", tmp_path / f".b.bin.{'0' * 16}.part"
    left = tmp_path / f".a.bin.{'0' * 16}.part"
    for one in (left, others):
        one.write_bytes(content)
    with replacing(file) as temporary:
        assert not left.exists()
        temporary.write_bytes(b"new")
        with replacing(file) as second:  # another writer at the same time
            assert temporary.read_bytes() == b"new"
            second.write_bytes(b"newer")
    assert file.read_bytes() == b"new"
    assert sorted(tmp_path.iterdir()) == [others, file]


@pytest.mark.skipif(os.name == "nt", reason="POSIX locks")
@pytest.mark.parametrize("holds_the_lock", [False, True])
def test_a_file_that_is_removed_before_its_writer_locks_it_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holds_the_lock: bool
) -> None:
    made: list[Path] = []

    def lock_late(handle: int) -> None:
        if not made:
            made.extend(tmp_path.iterdir())
            remove_if_abandoned(made[0])  # by another writer of the file
            if holds_the_lock:
                raise BlockingIOError
        lock(handle)

    monkeypatch.setattr("mvd.files.atomic.lock", lock_late)
    file = tmp_path / "a.bin"
    with replacing(file) as temporary:
        assert [temporary] != made
        temporary.write_bytes(b"whole")
        remove_if_abandoned(temporary)  # which has a writer
    assert file.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_missing_is_no_lack_of_space(tmp_path: Path) -> None:
    missing = FileNotFoundError(2, "No such file or directory")
    assert str(cannot_write(tmp_path / "my new" / "a.npz", missing)).endswith(
        f"a.npz: expected a folder to write it to, found none; make it: mkdir -p '{tmp_path / 'my new'}'"
    )
    assert "free space there" in str(cannot_write(tmp_path / "a.npz", OSError(28, "No space left on device")))
