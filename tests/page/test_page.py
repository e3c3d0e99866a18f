"""The page of a gallery: what it shows, what it keeps out, and what it never gives away."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
import socket
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from galleries import PlainModel, identity, use_models, write_people
from PIL import Image
from shell import refused
from starlette.requests import Request
from starlette.testclient import TestClient

from mvd.commands.pictures.gallery import Gallery
from mvd.data.samples import Modality
from mvd.gallery.filters import Filter
from mvd.gallery.verdicts import VERDICTS, read_verdicts
from mvd.page.app import _refusal
from mvd.page.security import COOKIE, HEADERS, Limit, Sessions, is_loopback
from mvd.page.serve import address_of, make_page
from mvd.results.gallery import GalleryStats

TOKEN = "a token of sufficient length"


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


def ask(page: TestClient, *files: Path, **fields: str) -> str:
    """Upload pictures, and return the address of the result."""
    uploads = [("pictures", (file.name, file.read_bytes(), "image/jpeg")) for file in files]
    answer = page.post("/search", files=uploads, data=fields, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def rows(text: str) -> list[str]:
    return re.findall(r"<code>([0-9a-f]{16})</code>", text)


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


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"no picture", "expected"), (b"", "1 to 8 pictures"), (b"\x00" * 20_000_001, "at most 20 MB")],
    ids=["text", "empty", "large"],
)
def test_uploads_that_are_no_pictures_are_one_line(page: TestClient, content: bytes, said: str) -> None:
    answer = page.post("/search", files=[("pictures", ("x.jpg", content, "image/jpeg"))])
    assert answer.status_code in {400, 413}
    assert said in answer.text
    assert "Traceback" not in answer.text


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(page: TestClient) -> None:
    out = io.BytesIO()
    Image.fromarray(np.zeros((9000, 9000), np.uint8)).save(out, "PNG")
    answer = page.post("/search", files=[("pictures", ("x.png", out.getvalue(), "image/png"))])
    assert answer.status_code == 413
    assert "9000" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/thumbnail/../../../etc/passwd",
        "/thumbnail/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/thumbnail/0123456789abcdeg",
        "/thumbnail/0123456789abcdef",
        "/files/style.css",
        "/static/../security.py",
        "/query/none",
        "/query/none/export.zip",
    ],
)
def test_no_address_leads_out_of_the_gallery(page: TestClient, path: str) -> None:
    answer = page.get(path)
    assert answer.status_code in {400, 404}
    assert "root:" not in answer.text
    assert "Traceback" not in answer.text


def test_every_answer_confines_the_browser(page: TestClient) -> None:
    for path in ("/", "/nowhere", "/health", "/style.css", "/thumbnail/x"):
        answer = page.get(path)
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
def test_other_sites_cannot_act(page: TestClient, people: Path, headers: dict[str, str]) -> None:
    first = rows(page.get(ask(page, people / "photos" / "3_0.jpg")).text)[0]
    answer = page.post(f"/remove/{first}", data={"sure": "yes"}, headers=headers)
    assert answer.status_code == 403
    assert page.get(f"/thumbnail/{first}").status_code == 200


@pytest.mark.parametrize(("length", "status"), [(None, 411), ("\u00b2", 413), ("99999999999", 413), ("3", None)])
def test_the_length_of_an_upload_is_a_number(length: str | None, status: int | None) -> None:
    headers = [] if length is None else [(b"content-length", length.encode("latin-1"))]
    request = Request({"type": "http", "method": "POST", "path": "/search", "headers": headers})
    refusal = _refusal(request, Sessions(None))
    assert (None if refusal is None else refusal.status_code) == status


def test_nothing_is_shown_without_the_token(people: Path) -> None:
    page = TestClient(make_page(people / "gallery", token=TOKEN, https=True), base_url="https://there")
    assert page.get("/", follow_redirects=False).headers["location"] == "/login"
    assert page.post("/search", files=[("pictures", ("x.jpg", b"x"))]).status_code == 401
    assert page.post("/login", data={"token": "wrong"}).status_code == 401
    page.cookies.set(COOKIE, "guessed")
    assert page.get("/", follow_redirects=False).status_code == 303
    page.cookies.clear()
    answer = page.post("/login", data={"token": TOKEN}, follow_redirects=False)
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" in cookie
    assert TOKEN not in cookie
    assert "Find a person" in page.get("/").text


def test_guessing_the_token_is_slow(people: Path) -> None:
    page = TestClient(make_page(people / "gallery", token=TOKEN))
    answers = [page.post("/login", data={"token": "wrong"}).status_code for _ in range(12)]
    assert answers == [401] * 10 + [429] * 2


def test_many_threads_share_a_limit() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):
            limit = Limit(10, 60)
            with ThreadPoolExecutor(8) as pool:
                allowed = list(pool.map(limit.allows, ["a"] * 400))
            assert sum(allowed) == 10
    finally:
        sys.setswitchinterval(interval)


def test_health_says_nothing_of_the_content(people: Path) -> None:
    page = TestClient(make_page(people / "gallery", token=TOKEN))
    assert set(page.get("/health").json()) == {"status", "version"}
    shutil.rmtree(people / "gallery")
    assert page.get("/health").json() == {"status": "unavailable"}


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("0.0.0.0", False), ("example.org", False)],
)
def test_addresses_of_this_machine_are_known(host: str, own: bool) -> None:
    assert is_loopback(host) == own


def test_what_is_wrong_is_one_line(
    people: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "nowhere" in refused(capsys, "serve", people / "nowhere")
    assert "expected an address to listen on" in refused(capsys, "serve", people / "gallery", "--host", "192.0.2.1")
    monkeypatch.setenv("MVD_TOKEN", "short")
    assert "at least 16 characters" in refused(capsys, "serve", people / "gallery")


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_the_address_that_is_printed_can_be_typed_into_another_machines_browser(host: str) -> None:
    assert address_of(host, 8000) == f"http://{socket.gethostname()}:8000/"
