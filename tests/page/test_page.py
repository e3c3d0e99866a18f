"""The page of a gallery: what it shows, and what it keeps."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest
from asking import ask, rows
from galleries import PlainModel, identity, use_models
from PIL import Image
from starlette.testclient import TestClient

from mvd.commands.pictures.gallery import Gallery
from mvd.gallery.filters import Filter
from mvd.gallery.verdicts import VERDICTS, read_verdicts
from mvd.page.serve import make_page
from mvd.results.gallery import GalleryStats


def test_a_picture_finds_its_person_first(page: TestClient, people: Path) -> None:
    assert "10: 10 visible, 0 infrared" in page.get("/").text
    answer = page.get(ask(page, people / "photos" / "3_0.jpg"))
    found = [entry for row in rows(answer.text) for entry in Gallery(people / "gallery").rows([row])]
    assert len(found) == 10
    assert {Path(entry.path).name for entry in found[:2]} == {"3_1.jpg", "3_2.jpg"}
    assert "Similarities are not probabilities" in answer.text
    picture = page.get(f"/thumbnail/{rows(answer.text)[0]}")
    assert picture.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(picture.content)).size[1] > 16


def test_filters_search_again_without_the_picture(page: TestClient, people: Path) -> None:
    place = ask(page, people / "photos" / "3_0.jpg")
    assert len(rows(page.get(place, params={"camera": "door"}).text)) == 5
    assert len(rows(page.get(place, params={"tag": "may"}).text)) == 5
    nothing = page.get(place, params={"modality": "infrared"}).text
    assert len(rows(nothing)) == 0
    assert "Nothing found: 0 pictures searched." in nothing
    assert "expected visible or infrared" in page.get(place, params={"modality": "x' OR 1=1 --"}).text
    assert len(rows(page.get(place, params={"camera": "x' OR '1'='1"}).text)) == 0
    assert page.get(place, params={"top": "9999999"}).status_code == 400


def test_what_is_in_the_gallery_is_text_not_markup(page: TestClient, people: Path) -> None:
    text = page.get(ask(page, people / "photos" / "3_0.jpg")).text
    assert "<b>hall" not in text
    assert "&lt;b&gt;hall&lt;/b&gt;" in text


def test_the_gallery_of_a_folder_has_its_name_and_says_what_comes_back(people: Path) -> None:
    Gallery(people / "photos").follow()
    page = TestClient(make_page(people / "photos"), base_url="http://127.0.0.1:8000")
    assert "<title>photos</title>" in page.get("/").text
    first, second, *_ = rows(page.get(ask(page, people / "photos" / "3_0.jpg")).text)
    assert "the next mvd gallery search adds it again" in page.post(f"/remove/{first}", data={"sure": "yes"}).text
    [entry] = Gallery(people / "photos").rows([second])
    place = ask(page, people / "photos" / "3_0.jpg")
    Path(entry.path).unlink()
    answer = page.post(f"/remove/{second}", data={"sure": "yes", "query": place.removeprefix("/query/")})
    assert "Removed for good." in answer.text


def test_searching_on_from_a_result(page: TestClient, people: Path) -> None:
    first = rows(page.get(ask(page, people / "photos" / "3_0.jpg")).text)[0]
    answer = page.post(f"/like/{first}")
    assert answer.status_code == 200
    assert rows(answer.text)[0] != first
    [entry] = Gallery(people / "gallery").rows([rows(answer.text)[0]])
    assert Path(entry.path).name.startswith("3_")


def test_verdicts_are_kept_and_the_last_counts(page: TestClient, people: Path) -> None:
    place = ask(page, people / "photos" / "3_0.jpg")
    first, *_, last = rows(page.get(place).text)
    for row, verdict in ((first, "no"), (first, "yes"), (last, "no")):
        assert page.post(f"/mark{place.removeprefix('/query')}/{row}", data={"same": verdict}).status_code == 200
    assert "Marked as wrong" in page.post(f"/mark{place.removeprefix('/query')}/{last}", data={"same": "no"}).text
    verdicts = read_verdicts(people / "gallery")
    assert [(one.row, one.same) for one in verdicts] == [(first, True), (last, False)]
    assert verdicts[0].similarity > verdicts[1].similarity
    assert {(one.model, one.pictures) for one in verdicts} == {(identity().fingerprint, 1)}
    assert verdicts[0].query_modality in {0, 1}
    assert "photos" not in (people / "gallery" / VERDICTS).read_text()
    assert page.get(place).text.count('aria-pressed="true"') == 2
    with (people / "gallery" / VERDICTS).open("a") as file:
        file.write('{"time": "2024')  # a process that was killed
    assert page.get(place).text.count('aria-pressed="true"') == 2
    page.post(f"/mark{place.removeprefix('/query')}/{last}", data={"same": "yes"})
    assert [one.same for one in read_verdicts(people / "gallery")] == [True, True]
    lines = (people / "gallery" / VERDICTS).read_text().splitlines()
    (people / "gallery" / VERDICTS).write_text("\n".join([*lines[:4], "damaged", *lines[4:]]) + "\n")
    damaged = page.get(place)
    assert "expected a verdict in line 5" in damaged.text
    assert len(rows(damaged.text)) == 10


def test_a_query_of_the_galleries_earlier_model_is_asked_for_again(
    page: TestClient, people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ask(page, people / "photos" / "3_0.jpg")
    use_models(monkeypatch, PlainModel(), PlainModel("other"))
    Gallery(people / "gallery", model="other").add([], again=True)
    answer = page.get(place)
    assert answer.status_code == 400
    assert "upload the pictures again" in answer.text
    assert len(rows(page.get(ask(page, people / "photos" / "3_0.jpg")).text)) == 10


def test_numbers_are_counted_again_only_when_the_gallery_has_changed(
    page: TestClient, people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, stats = list[int](), Gallery.stats

    def count(gallery: Gallery, *, recall: bool) -> GalleryStats:
        counted.append(1)
        return stats(gallery, recall=recall)

    monkeypatch.setattr(Gallery, "stats", count)
    place = ask(page, people / "photos" / "3_0.jpg")
    for path in ("/", place, "/", place):
        assert page.get(path).status_code == 200
    assert len(counted) == 1
    Gallery(people / "gallery").remove(only=Filter(cameras=("door",)))  # as another process does
    assert "5: 5 visible, 0 infrared" in page.get("/").text
    assert "door" not in page.get(place).text
    assert len(counted) == 2


def test_removing_needs_a_tick_and_is_for_good(page: TestClient, people: Path) -> None:
    place = ask(page, people / "photos" / "3_0.jpg")
    first = rows(page.get(place).text)[0]
    query = place.removeprefix("/query/")
    assert page.post(f"/remove/{first}", data={"query": query}).status_code == 400
    assert first in rows(page.get(place).text)
    answer = page.post(f"/remove/{first}", data={"query": query, "sure": "yes"})
    assert answer.status_code == 200
    assert first not in rows(answer.text)
    assert page.get(f"/thumbnail/{first}").status_code != 200


def test_the_export_holds_what_was_added_and_nothing_else(page: TestClient, people: Path) -> None:
    place = ask(page, people / "photos" / "3_0.jpg")
    found = [
        Path(entry.path) for row in rows(page.get(place).text) for entry in Gallery(people / "gallery").rows([row])
    ]
    secret = b"another file in the place of the first picture"
    found[0].write_bytes(secret)
    found[1].unlink()
    content = page.get(f"{place}/export.zip").content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        manifest = json.loads(archive.read("manifest.json"))["sha256"]
        assert set(manifest) | {"manifest.json"} == set(archive.namelist())
        for name, digest in manifest.items():
            assert hashlib.sha256(archive.read(name)).hexdigest() == digest
        listed = list(csv.DictReader(io.StringIO(archive.read("results.csv").decode())))
        assert [one["kind"] for one in listed] == ["thumbnail"] * 2 + ["original"] * 8
        assert archive.read(listed[2]["picture"]) == found[2].read_bytes()
        assert all(secret not in archive.read(name) for name in archive.namelist())
