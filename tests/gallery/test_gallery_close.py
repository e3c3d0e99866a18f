"""A closed gallery: what it held is released, and it is not used again."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from galleries import PlainModel, draw, use_models, write_people
from tiny_program import write_program

from mvd.commands.pictures.gallery import Gallery
from mvd.errors import GalleryError


def test_a_gallery_is_closed_at_the_end_of_its_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, PlainModel())
    with Gallery(tmp_path / "people") as gallery:
        gallery.add(draw(10))
        assert gallery.exists
    gallery.close()
    assert gallery.place == str(tmp_path / "people")
    with pytest.raises(ZeroDivisionError), Gallery(tmp_path / "people") as failed:
        raise ZeroDivisionError
    with pytest.raises(GalleryError, match="closed"):
        failed.stats()
    with Gallery(tmp_path / "people") as again:
        assert again.stats().rows == 10
    with pytest.raises(GalleryError, match="closed"), again:
        pass


@pytest.mark.parametrize(
    "use",
    [
        lambda gallery: gallery.exists,
        lambda gallery: gallery.table,
        lambda gallery: gallery.add(draw(1)),
        lambda gallery: gallery.add([], keep_days=3),
        lambda gallery: gallery.follow(),
        lambda gallery: gallery.search(draw(1)),
        lambda gallery: gallery.embed(draw(1)),
        lambda gallery: gallery.compare(draw(1), "0" * 16),
        lambda gallery: gallery.rows(),
        lambda gallery: gallery.remove("0" * 16),
        lambda gallery: gallery.remove(expired=True),
        lambda gallery: gallery.thumbnail("0" * 16),
        lambda gallery: gallery.stats(),
        lambda gallery: gallery.audit(),
    ],
)
def test_a_closed_gallery_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Callable[[Gallery], object]
) -> None:
    use_models(monkeypatch, PlainModel())
    gallery = Gallery(tmp_path / "people")
    gallery.add(draw(3))
    gallery.close()
    with pytest.raises(GalleryError, match=r"people: expected an open gallery, found it closed; open it again"):
        use(gallery)


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_the_threads_of_the_model_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    files = write_people(tmp_path / "photos", people=2)
    gallery = Gallery(tmp_path / "people", model=write_program(tmp_path / "tiny.onnx"))
    gallery.add(files)
    gallery.search(files[0])
    gc.collect()
    gc.disable()
    try:
        opened = _own_threads()
        gallery.close()
        assert _own_threads() <= opened - 3
    finally:
        gc.enable()


def _own_threads() -> int:
    """Count the threads of this process, without those that LanceDB starts and ends by itself, which have names."""
    names = [(thread / "comm").read_text() for thread in Path("/proc/self/task").iterdir()]
    return names.count(Path("/proc/self/comm").read_text())
