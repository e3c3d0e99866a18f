"""Copies before a run: whole, once, and gone on with where they broke off."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from mvd.errors import BusyError, DatasetError
from mvd.files.locks import name_locked
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


def test_a_file_that_was_edited_at_its_source_is_copied_again_though_its_size_is_the_same(
    source: Path, cache: Path
) -> None:
    copy = fetch(f"file://{source}", quietly)
    (copy / "train_rgb_resized_img.npy").write_bytes(b"arrays that were prepared of the old pictures")
    edited = source / "cam1" / "4.jpg"
    edited.write_bytes(b"\xff" * 5)
    os.utime(edited, (1, 1))
    calls: list[int] = []
    fetch(f"file://{source}", lambda done, total: calls.append(done))
    assert calls == [29, 30]
    assert contents(copy) == contents(source)


def test_what_was_deleted_at_the_source_is_removed_and_nothing_else(source: Path, cache: Path) -> None:
    copy = fetch(f"file://{source}", quietly)
    (copy / "notes.txt").write_text("mine")
    shutil.rmtree(source / "cam1")
    fetch(f"file://{source}", quietly)
    assert contents(copy) == {**contents(source), "notes.txt": b"mine"}
    assert not (copy / "cam1").exists()


def test_a_copy_of_an_earlier_version_is_not_trusted(source: Path, cache: Path) -> None:
    copy = fetch(f"file://{source}", quietly)
    copy.with_name(f"{copy.name}.json").unlink()
    (copy / "cam0" / "0.jpg").write_bytes(b"!")
    (copy / "gone.jpg").write_bytes(b"deleted at its source")
    (copy / "train_ir_resized_label.npy").write_bytes(b"arrays")
    fetch(f"file://{source}", quietly)
    assert contents(copy) == contents(source)


def test_a_copy_that_is_killed_between_list_and_files_is_finished(
    source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = fetch(f"file://{source}", quietly)
    (source / "cam1" / "4.jpg").write_bytes(b"\xff" * 5)
    os.utime(source / "cam1" / "4.jpg", (1, 1))

    def killed(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mvd.original.cloud._transfer", killed)
        with pytest.raises(KeyboardInterrupt):
            fetch(f"file://{source}", quietly)
    fetch(f"file://{source}", quietly)
    assert contents(copy) == contents(source)


def test_two_copies_to_one_place_do_not_mix(source: Path, cache: Path) -> None:
    copy = fetch(f"file://{source}", quietly)
    (source / "cam1" / "4.jpg").unlink()
    with name_locked(copy), pytest.raises(BusyError, match="expected no other process"):
        fetch(f"file://{source}", quietly)


class Guarded(LocalFileSystem):  # type: ignore[misc]
    """Files behind a password, which an error repeats."""

    protocol = "guarded"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        address = str(path)
        return address.partition("@host")[2].partition("?")[0] if "://" in address else address

    def find(self, path: str, **more: Any) -> Any:
        if "fails" in path:
            raise PermissionError("guarded://me:s3cr3t@host refused the password s3cr3t and the token t0ken")
        return super().find(path, **more)


def test_credentials_of_an_address_are_written_nowhere(source: Path, cache: Path) -> None:
    fsspec.register_implementation("guarded", Guarded, clobber=True)
    copy = fetch(f"guarded://me:s3cr3t@host{source}?token=t0ken", quietly)
    assert contents(copy) == contents(source)
    written = [str(path) for path in cache.rglob("*")] + [copy.with_name(f"{copy.name}.json").read_text()]
    assert not [text for text in written if "s3cr3t" in text or "t0ken" in text]
    assert fetch(f"guarded://me:other@host{source}?token=t0ken", quietly) == copy
    with pytest.raises(DatasetError) as error:
        fetch("guarded://me:s3cr3t@host/fails?token=t0ken", quietly)
    assert str(error.value).startswith("guarded://host/fails: expected to copy it to")
    assert not [secret for secret in ("s3cr3t", "t0ken") if secret in str(error.value)]


@pytest.fixture
def web(source: Path) -> Iterator[str]:
    """A web server that has the source."""
    pytest.importorskip("aiohttp")
    handler = partial(SimpleHTTPRequestHandler, directory=str(source))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_web_server_has_files_and_folders(source: Path, cache: Path, web: str) -> None:
    file = fetch(f"{web}/cam1/4.jpg?token=1", quietly)
    assert (file.name, file.read_bytes()) == ("4.jpg", bytes([4]) * 5)
    copy = fetch(f"{web}/", quietly)
    assert contents(copy) == contents(source)
    os.utime(source / "cam1" / "7.jpg", (1, 1))
    calls: list[int] = []
    fetch(f"{web}/", lambda done, total: calls.append(done))
    assert calls == [29, 30]
    with pytest.raises(DatasetError, match=r"nowhere\.pth: expected to copy it"):
        fetch(f"{web}/nowhere.pth", quietly)


def test_an_ftp_server_has_files_and_folders(source: Path, cache: Path) -> None:
    pytest.importorskip("pyftpdlib")
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import ThreadedFTPServer

    authorizer = DummyAuthorizer()
    authorizer.add_user("me", "s3cr3t", str(source))
    handler = type("Handler", (FTPHandler,), {"authorizer": authorizer})
    server = ThreadedFTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"ftp://me:s3cr3t@127.0.0.1:{server.address[1]}"
        copy = fetch(f"{address}/", quietly)
        assert contents(copy) == contents(source)
        file = fetch(f"{address}/cam1/4.jpg", quietly)
        assert (file.name, file.read_bytes()) == ("4.jpg", bytes([4]) * 5)
        assert "s3cr3t" not in str(copy)
    finally:
        server.close_all()
