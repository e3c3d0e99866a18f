"""Copies before a run: whole, once, and gone on with where they broke off."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from mvd.errors import DatasetError
from mvd.original.cloud import fetch


def quietly(done: int, total: int) -> None:
    pass


class CutOff(LocalFileSystem):  # type: ignore[misc]
    """Files that are elsewhere; of the one called "long" half of the bytes arrive."""

    protocol = "cutoff"

    def get_file(self, rpath: str, lpath: str, **more: Any) -> None:
        shutil.copyfile(rpath, lpath)
        if rpath.endswith("long"):
            Path(lpath).write_bytes(Path(rpath).read_bytes()[:4])


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "a bucket" / "sysu"
    for number in range(30):
        file = root / f"cam{number % 3}" / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes([number]) * (number + 1))
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def test_a_folder_is_copied_into_the_cache(source: Path, cache: Path) -> None:
    calls: list[tuple[int, int]] = []
    copy = fetch(f"file://{source}", lambda done, total: calls.append((done, total)))
    assert contents(copy) == contents(source)
    assert copy.is_relative_to(cache / "mvd")
    assert calls == [(done, 30) for done in range(31)]


def test_a_file_is_copied_under_its_name(source: Path, cache: Path) -> None:
    copy = fetch(f"file://{source / 'cam1' / '4.jpg'}", quietly)
    assert (copy.name, copy.read_bytes()) == ("4.jpg", bytes([4]) * 5)


def test_a_copy_that_broke_off_goes_on_with_what_is_missing(source: Path, cache: Path) -> None:
    copy = fetch(f"file://{source}", quietly)
    kept = copy / "cam0" / "0.jpg"
    kept.write_bytes(b"!")  # another content of the same size: who copies it again would undo this
    (copy / "cam1" / "1.jpg").unlink()
    (copy / "cam2" / "5.jpg").write_bytes(b"half")
    calls: list[int] = []
    fetch(f"file://{source}", lambda done, total: calls.append(done))
    assert calls == [28, 29, 30]
    assert contents(copy) == {**contents(source), "cam0/0.jpg": b"!"}


def test_addresses_that_look_alike_have_copies_of_their_own(source: Path, cache: Path) -> None:
    for name in ("a_b", "a b"):
        (source / name).mkdir()
        (source / name / "file").write_text(name)
    copies = [fetch(f"file://{source / name}", quietly) for name in ("a_b", "a b")]
    assert [(copy / "file").read_text() for copy in copies] == ["a_b", "a b"]


def test_a_file_that_arrives_in_part_is_no_copy(source: Path, cache: Path) -> None:
    (source / "long").write_bytes(bytes(100))
    fsspec.register_implementation("cutoff", CutOff, clobber=True)
    with pytest.raises(DatasetError, match=r"long: expected 100 bytes, 4 arrived"):
        fetch(f"cutoff://{source}", quietly)
    assert not [file for file in cache.rglob("long") if file.is_file()]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("file:///nowhere/at/all", r"file:///nowhere/at/all: expected a folder or a file to copy, found nothing"),
        (
            "gopher://host/sysu",
            r"gopher://host/sysu: expected to copy it to .*, could not \(Protocol not known: gopher",
        ),
        ("obs://bucket/sysu", r"obs://bucket/sysu: expected the address of OBS in S3_ENDPOINT, such as https://obs"),
    ],
)
def test_what_cannot_be_copied_is_one_line(
    cache: Path, monkeypatch: pytest.MonkeyPatch, url: str, message: str
) -> None:
    monkeypatch.delenv("S3_ENDPOINT", raising=False)
    with pytest.raises(DatasetError, match=message) as error:
        fetch(url, quietly)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("url", ["s3://bucket/sysu", "obs://bucket/sysu"])
def test_a_missing_package_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("S3_ENDPOINT", "https://obs.somewhere")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(DatasetError, match=r"found some missing \(Install s3fs .*\); pip install 'mvd\[cloud\]'"):
        fetch(url, quietly)


def test_a_cache_that_cannot_be_written_is_one_line(source: Path, cache: Path) -> None:
    cache.write_text("in the way")
    with pytest.raises(DatasetError, match="what is copied is kept"):
        fetch(f"file://{source}", quietly)


def test_a_name_that_leads_out_of_the_copy_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryFileSystem, "store", {})
    MemoryFileSystem().pipe("/bucket/../../evil", b"evil")
    with pytest.raises(DatasetError, match=r"evil: expected a name below .*, found one that leads out of it"):
        fetch("memory://bucket", quietly)
    assert not list(cache.rglob("*evil*"))
