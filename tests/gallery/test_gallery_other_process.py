"""An open gallery that another process changes: its model, or the gallery itself."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from galleries import PlainModel, draw, unit, use_models, write_people

from mvd.commands.pictures.gallery import Gallery
from mvd.errors import GalleryError
from mvd.gallery.log import Log
from mvd.gallery.place import Place
from mvd.gallery.table import PictureTable
from mvd.inference.pixels import ModalitiesLike, Picture


class Shifted(PlainModel):
    """A model of the same width whose embeddings are others."""

    def __call__(
        self, pictures: Picture | Sequence[Picture], modalities: ModalitiesLike | None = None
    ) -> npt.NDArray[np.float32]:
        return unit(np.roll(super().__call__(pictures, modalities), 5, axis=1) * np.resize([1, -1, 1], 12))


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    use_models(monkeypatch, PlainModel(), Shifted("other"))
    return write_people(tmp_path / "people")


def test_an_open_gallery_takes_its_new_model(tmp_path: Path, people: list[Path]) -> None:
    place, query = tmp_path / "gallery", people[1]
    opened = Gallery(place)
    opened.add(people)
    embedded = opened.embed(query)
    opened.search(query)
    Gallery(place, model="other").add([], again=True)

    found, expected = opened.search(query), Gallery(place).search(query)
    assert [hit.similarity for hit in found.hits] == [hit.similarity for hit in expected.hits]
    again = opened.embed(query)
    assert again.model.name == "other"
    assert not np.allclose(again.vectors, embedded.vectors)
    with pytest.raises(GalleryError, match="expected embeddings of its model, other"):
        opened.compare(embedded, found.hits[0].entry.row)


def test_a_gallery_opened_with_its_old_model_is_refused(tmp_path: Path, people: list[Path]) -> None:
    place = tmp_path / "gallery"
    opened = Gallery(place, model="plain")
    opened.add(people)
    Gallery(place, model="other").add([], again=True)
    for use in (lambda: opened.search(people[0]), lambda: opened.embed(people[0]), lambda: opened.add(people)):
        with pytest.raises(GalleryError, match="expected embeddings of its model, other"):
            use()


def test_no_embeddings_of_the_old_model_are_added(tmp_path: Path, people: list[Path]) -> None:
    place = tmp_path / "gallery"
    opened = Gallery(place)
    opened.add(people)
    Gallery(place, model="other").add([], again=True)
    with pytest.raises(GalleryError, match="expected embeddings of its model, other"):
        opened.add(draw(4, seed=3))
    assert Gallery(place).stats().rows == len(people)


@pytest.mark.parametrize("keep", [True, False])
def test_a_gallery_made_anew_in_its_place_is_searched(tmp_path: Path, keep: bool) -> None:
    place, query = tmp_path / "gallery", draw(1, seed=9)
    opened = Gallery(place, keep=keep)
    opened.add(draw(20))
    opened.search(query)
    shutil.rmtree(place)
    Gallery(place).add(draw(20, seed=5))
    answer = opened.search(query, group_seconds=0)
    assert {hit.entry.path.split("/")[2] for hit in answer.hits} == {"5"}


def test_a_retention_is_set_while_another_process_removes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LanceDB refuses settings of an older version: they are read and written under the lock."""
    place = tmp_path / "gallery"
    opened = Gallery(place)
    opened.add(draw(20))
    append, killed = Log.append, list[str]()

    def append_while_another_removes(log: Log, what: str, **details: object) -> None:
        append(log, what, **details)  # type: ignore[arg-type]
        if what == "add" and not killed:
            PictureTable.open(Place.of(place)).set(cleaning=True)
            killed.append(what)

    monkeypatch.setattr(Log, "append", append_while_another_removes)
    opened.add(draw(4, seed=3), keep_days=5)
    assert killed
    assert '"state":"finished"' in list(Log(Place.of(place)).lines())[-1]
    assert opened.stats().keep_days == 5
    assert not opened.table.settings.cleaning
