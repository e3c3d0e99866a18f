"""The gallery of a folder of pictures: it follows what happens there, and takes nothing unreadable for deleted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from galleries import PlainModel, draw, use_models, write_people
from PIL import Image

from mvd.commands.pictures.calibrate_verdicts import read_galleries
from mvd.commands.pictures.gallery import Gallery
from mvd.data.samples import Modality
from mvd.errors import DatasetError
from mvd.gallery.verdicts import Verdict, add_verdict

ONE = Verdict(
    model="m", query="a", pictures=1, row="0" * 16, similarity=0.5, query_modality=1, gallery_modality=0, same=True
)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four pictures in a folder that has a gallery."""
    use_models(monkeypatch, PlainModel())
    write_people(tmp_path / "photos", people=2, pictures=2)
    Gallery(tmp_path / "photos").follow()
    return tmp_path / "photos"


def test_deleted_pictures_leave_the_gallery(photos: Path) -> None:
    (photos / "0_0.jpg").unlink()
    added = Gallery(photos).follow()
    assert added is not None
    assert (added.removed, added.rows) == (1, 3)
    for file in photos.glob("*.jpg"):
        file.unlink()
    added = Gallery(photos).follow()
    assert added is not None
    assert (added.removed, added.rows) == (3, 0)


def test_a_folder_that_cannot_be_listed_loses_no_row(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = photos / "Zo\udce9.jpg"
    (photos / "0_0.jpg").rename(bad)
    with pytest.raises(DatasetError, match=r"expected paths in UTF-8, found .*Zo\\xe9\.jpg; rename it"):
        Gallery(photos).follow()
    bad.unlink()

    def closed(*_: object, **options: object) -> list[object]:
        assert callable(options["onerror"])
        options["onerror"](PermissionError(13, "Permission denied", str(photos / "closed")))
        return []

    with monkeypatch.context() as patch:
        patch.setattr("mvd.data.own.listing.os.walk", closed)
        with pytest.raises(DatasetError, match="closed: expected a folder that can be read"):
            Gallery(photos).follow()
    assert Gallery(photos).stats().rows == 4


def test_a_disk_that_is_not_mounted_loses_no_row(photos: Path, tmp_path: Path) -> None:
    (photos / ".mvd-gallery").rename(tmp_path / "copy")
    photos.rename(tmp_path / "away")
    notes: list[str] = []
    assert Gallery(tmp_path / "copy", note=notes.append).follow() is None
    assert notes == [
        f"{tmp_path / 'copy'}: the folder that it follows, {photos}, is not there; nothing was changed",
    ]
    assert Gallery(tmp_path / "copy").stats().rows == 4


def test_the_verdicts_on_a_folder_of_pictures_are_found(photos: Path) -> None:
    add_verdict(photos / ".mvd-gallery", ONE)
    assert list(read_galleries(photos).values()) == list(read_galleries(photos / ".mvd-gallery").values()) == [[ONE]]


def test_embeddings_of_relative_paths_are_removed_by_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    gallery = Gallery("people")
    gallery.add(replace(draw(4), paths=("cam1/a.jpg", "cam1/b.jpg", "cam10/a.jpg", f"{tmp_path}/cam1/c.jpg")))
    assert gallery.remove(paths="cam10/a.jpg").rows == 1
    assert gallery.remove(paths="cam1").rows == 3


def test_a_picture_in_memory_is_told_as_its_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fine colours are grey at the size that the model sees."""
    use_models(monkeypatch, PlainModel())
    fine = np.zeros((320, 160, 3), np.uint8)
    fine[::2, ::2], fine[1::2, 1::2] = (255, 0, 0), (0, 255, 255)
    fine[1::2, ::2], fine[::2, 1::2] = (0, 255, 255), (255, 0, 0)
    Image.fromarray(fine).save(tmp_path / "fine.png")
    gallery = Gallery(tmp_path / "people")
    gallery.add(draw(3))
    file, memory = gallery.embed(tmp_path / "fine.png"), gallery.embed(Image.open(tmp_path / "fine.png"))
    assert file.modalities.tolist() == memory.modalities.tolist() == [Modality.INFRARED]
    assert np.array_equal(file.vectors, memory.vectors)
    with pytest.raises(DatasetError, match="levels that are not finite"):
        gallery.search(Image.fromarray(np.full((8, 4), np.nan, np.float32)))


def test_a_retention_is_set_without_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, PlainModel())
    Gallery(tmp_path / "people").add(draw(3))
    monkeypatch.setattr("mvd.commands.pictures.gallery_session.open_model", None)
    with Gallery(tmp_path / "people") as gallery:
        assert gallery.add([], keep_days=9).rows == 3
        assert gallery.stats().keep_days == 9
