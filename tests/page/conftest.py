"""Fixtures: a gallery of five people, and its page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from galleries import PlainModel, use_models, write_people
from starlette.testclient import TestClient

from mvd.commands.pictures.gallery import Gallery
from mvd.data.samples import Modality
from mvd.page.serve import make_page


@pytest.fixture(scope="module", autouse=True)
def _models() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        use_models(patch, PlainModel())
        yield


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Five people, three pictures each; a gallery of all but the first picture of each."""
    files = write_people(tmp_path / "photos")
    gallery = Gallery(tmp_path / "gallery")
    gallery.add([file for file in files if file.stem[-1] == "1"], camera="door", modality=Modality.VISIBLE)
    gallery.add(
        [file for file in files if file.stem[-1] == "2"], camera="<b>hall</b>", tags=["may"], modality=Modality.VISIBLE
    )
    return tmp_path


@pytest.fixture
def page(people: Path) -> TestClient:
    return TestClient(make_page(people / "gallery"), base_url="http://127.0.0.1:8000")
