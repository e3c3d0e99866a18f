from __future__ import annotations

from pathlib import Path

import pytest

from mvd.files.writable import require_writable, require_writable_folder


def test_a_place_that_can_be_written_to_is_left_as_it_was(tmp_path: Path) -> None:
    require_writable(tmp_path / "a.txt")
    assert require_writable_folder(tmp_path / "new" / "newer") == tmp_path
    assert not list(tmp_path.iterdir())


def test_files_and_circles_in_the_place_of_folders_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to("circle")
    for name in ("file", "circle"):
        with pytest.raises(OSError, match="it is no folder") as caught:
            require_writable_folder(tmp_path / name / "new")
        assert caught.value.filename == str(tmp_path / name)
        with pytest.raises(OSError, match=r"\[Errno") as caught:
            require_writable(tmp_path / name / "a.txt")
        assert caught.value.filename == str(tmp_path / name)
    with pytest.raises(IsADirectoryError):
        require_writable(tmp_path)
    with pytest.raises(OSError, match="File name too long"):
        require_writable_folder(tmp_path / ("x" * 300))
