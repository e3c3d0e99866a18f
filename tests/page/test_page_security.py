"""What the page of a gallery keeps out, and what it never gives away."""

from __future__ import annotations

import io
import shutil
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from asking import ask, rows
from PIL import Image
from shell import refused
from starlette.requests import Request
from starlette.testclient import TestClient

from mvd.page.app import _refusal
from mvd.page.security import COOKIE, HEADERS, Limit, Sessions, is_loopback
from mvd.page.serve import address_of, make_page

TOKEN = "a token of sufficient length"


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
