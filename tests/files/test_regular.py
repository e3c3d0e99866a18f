"""What lies at a path, and that only regular files are opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mvd.files.atomic import no_links
from mvd.files.regular import is_folder, is_there, require_regular


def test_what_is_at_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    paths = ("file", "link", ".", "dangling", "nowhere", "file/x", "a\0b", "loop", "x" * 300)
    assert [is_there(tmp_path / path) for path in paths] == [True] * 3 + [False] * 4 + [True] * 2
    assert [is_folder(tmp_path / path) for path in paths] == [False, False, True] + [False] * 4 + [True] * 2

    def closed(path: Path, **_: object) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", closed)
    assert is_there(tmp_path / "nowhere")


def test_pipes_and_devices_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(OSError, match="it is no regular file"):
            require_regular(path)
    for mode in ("r+b", "a+b", "wb", "rb"):
        refused = pytest.raises(OSError, match=r"no regular file|No such device")
        with refused, open(tmp_path / "pipe", mode, opener=no_links):
            pass
    with open(tmp_path / "new", "a+b", opener=no_links) as file:
        file.write(b"x")
    require_regular(tmp_path / "new")
    require_regular(tmp_path)
