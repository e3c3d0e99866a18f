"""Pictures in batches: from files, memory and several sources, in order, from any position."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import write_picture

from mvd.data.images import load_image
from mvd.data.pictures import ConcatPictures, PictureArray, PictureFiles, ProgressPictures
from mvd.errors import DatasetError


@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_batches_keep_the_order_of_the_files(tmp_path: Path, size: int) -> None:
    for number in range(7):
        write_picture(tmp_path / f"{number}.jpg", number)
    paths = [f"{number}.jpg" for number in range(7)]
    batches = list(PictureFiles(root=tmp_path, paths=paths, height=24, width=12, workers=3).batches(size))
    assert max(map(len, batches)) <= size
    expected = [load_image(tmp_path / path, 24, 12) for path in paths]
    assert np.array_equal(np.concatenate(batches), expected)


def test_a_damaged_file_in_a_batch_is_named(tmp_path: Path) -> None:
    write_picture(tmp_path / "good.jpg", 1)
    (tmp_path / "bad.jpg").write_text("no picture")
    files = PictureFiles(root=tmp_path, paths=["good.jpg", "bad.jpg"], height=8, width=4)
    with pytest.raises(DatasetError, match=r"bad\.jpg"):
        list(files.batches(1))


@pytest.mark.parametrize(("start", "stop"), [(0, None), (1, 6), (4, 5), (3, 99)])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_sources_can_be_concatenated(size: int, start: int, stop: int | None) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (7, 4, 3, 3), dtype=np.uint8)
    source = ConcatPictures([PictureArray(pictures[:1]), PictureArray(pictures[1:5]), PictureArray(pictures[5:])])
    batches = list(source.batches(size, start, stop))
    assert max(map(len, batches)) <= size
    assert np.array_equal(np.concatenate(batches), pictures[start:stop])


def test_progress_is_of_the_range_that_is_read() -> None:
    calls: list[tuple[int, int]] = []
    source = ProgressPictures(PictureArray(np.zeros((9, 4, 3, 3), np.uint8)), lambda *done: calls.append(done))
    assert len(np.concatenate(list(source.batches(2, 4)))) == 5
    assert calls == [(2, 5), (4, 5), (5, 5)]
