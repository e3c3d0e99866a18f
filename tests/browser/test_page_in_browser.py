"""The page of a gallery in a real browser: everything that it promises, as somebody uses it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tabs import WIDTHS, Tab, infrared_queries

from mvd.commands.pictures.gallery import Gallery
from mvd.gallery.verdicts import read_verdicts

pytestmark = pytest.mark.browser

TOKEN = "a token of sufficient length"

Serve = Callable[..., str]
OpenTab = Callable[..., Tab]


@pytest.fixture
def asked(serve: Serve, open_tab: OpenTab, people: Path) -> Any:
    """A tab with the result of a search for the third person."""
    origin = serve()
    tab = open_tab(origin)
    tab.page.goto(origin)
    ask(tab.page, infrared_queries(people)[2])
    return tab


def ask(page: Any, *files: Path) -> None:
    page.set_input_files("#pictures", files)
    page.get_by_role("button", name="Search", exact=True).click()
    page.wait_for_url("**/query/*")


def found(page: Any) -> list[str]:
    return [text.strip() for text in page.locator(".hits code").all_inner_texts()]


def test_it_loads(serve: Serve, open_tab: OpenTab) -> None:
    origin = serve()
    tab = open_tab(origin)
    assert tab.page.goto(origin).status == 200
    assert tab.page.get_by_role("heading", level=1).inner_text() == "Find a person"
    assert "cam1, cam2, cam3" in tab.page.locator("dl").inner_text()


def test_an_upload_is_searched_for(asked: Tab) -> None:
    assert len(found(asked.page)) == 10
    assert asked.page.locator(".query img").count() == 1
    assert re.search(r"probability \d+ %", asked.page.locator(".hits li").first.inner_text())
    assert "threshold" in asked.page.locator(".decision").inner_text()
    shown = asked.page.evaluate("[...document.images].every(one => one.loading === 'lazy' || one.naturalWidth > 0)")
    assert shown


def test_pictures_can_be_dropped(serve: Serve, open_tab: OpenTab, people: Path) -> None:
    origin = serve()
    page = open_tab(origin).page
    page.goto(origin)
    content = list(infrared_queries(people)[0].read_bytes())
    transfer = page.evaluate_handle(
        """content => { const moved = new DataTransfer();
        moved.items.add(new File([new Uint8Array(content)], "night.jpg", {type: "image/jpeg"})); return moved }""",
        content,
    )
    page.dispatch_event(".drop", "drop", {"dataTransfer": transfer})
    page.wait_for_url("**/query/*")
    assert len(found(page)) == 10


def test_filters_search_again(asked: Tab) -> None:
    page = asked.page
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Camera").fill("cam1")
    page.get_by_role("button", name="Apply filter").click()
    page.wait_for_url("**camera=cam1**")
    assert set(page.locator(".hits img").evaluate_all("all => all.map(one => one.alt)")) == {
        "visible picture, camera cam1"
    }
    page.get_by_label("Camera").fill("")
    page.get_by_label("Tag").fill("at-cam3")
    page.get_by_label("Modality").last.select_option("infrared")
    page.get_by_role("button", name="Apply filter").click()
    page.wait_for_url("**tag=at-cam3**")
    assert all("infrared picture, camera cam3" in one.get_attribute("alt") for one in page.locator(".hits img").all())
    page.get_by_label("Since").fill("2031-01-01T00:00")
    page.get_by_role("button", name="Apply filter").click()
    assert page.get_by_text("No picture matches the filter.").is_visible()


def test_searching_on_from_a_result(asked: Tab) -> None:
    first, before = found(asked.page)[0], asked.page.url
    asked.page.get_by_role("button", name="Search with result 1", exact=True).click()
    asked.page.wait_for_url(lambda url: "/query/" in url and url != before)
    assert asked.page.locator(".query img").get_attribute("alt") == f"Query row {first}"
    assert first not in found(asked.page)


def test_right_and_wrong_are_kept(asked: Tab, gallery: Path) -> None:
    first, second, *_ = found(asked.page)
    asked.page.get_by_role("button", name="Right: result 1 shows the person").click()
    assert asked.page.get_by_role("status").first.inner_text() == "Marked as right."
    asked.page.get_by_role("button", name="Wrong: result 2 shows somebody else").click()
    asked.page.get_by_text("Marked as wrong.").wait_for()
    assert asked.page.locator("[aria-pressed=true]").count() == 2
    assert [(one.row, one.same) for one in read_verdicts(gallery)] == [(first, True), (second, False)]


def test_removing_asks_first_and_is_for_good(asked: Tab, gallery: Path) -> None:
    first = found(asked.page)[0]
    item = asked.page.locator(".hits li").first
    item.locator("summary").click()
    item.get_by_role("button", name="Remove result 1").click()
    assert item.locator("input[name=sure]").evaluate("one => one.matches(':invalid')")  # the browser stops it
    assert len(Gallery(gallery).rows([first])) == 1
    item.locator("input[name=sure]").check()
    item.get_by_role("button", name="Remove result 1").click()
    asked.page.get_by_text("Removed for good.").wait_for()
    assert first not in found(asked.page)
    assert first not in {one.row for one in Gallery(gallery).rows(limit=None)}


def test_the_export_is_whole(asked: Tab) -> None:
    with asked.page.expect_download() as download:
        asked.page.get_by_role("link", name="Export").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        manifest = json.loads(archive.read("manifest.json"))["sha256"]
        assert {name: hashlib.sha256(archive.read(name)).hexdigest() for name in manifest} == manifest
        listed = list(csv.DictReader(io.StringIO(archive.read("results.csv").decode())))
    assert [one["row"] for one in listed] == found(asked.page)


def test_what_is_no_picture_is_refused_in_a_line(serve: Serve, open_tab: OpenTab, people: Path, tmp_path: Path) -> None:
    origin = serve()
    tab = open_tab(origin, expect_errors=True)  # the browser's console notes the status
    page = tab.page
    page.goto(origin)
    (tmp_path / "notes.jpg").write_text("no picture")
    page.set_input_files("#pictures", tmp_path / "notes.jpg")
    page.get_by_role("button", name="Search", exact=True).click()
    page.wait_for_url("**/search")
    assert "expected" in page.get_by_role("alert").inner_text()
    assert tab.violations() == []
    page.get_by_role("link", name="Back to the gallery").click()
    ask(page, infrared_queries(people)[0])
    assert len(found(page)) == 10


def test_only_the_token_opens_it(serve: Serve, open_tab: OpenTab) -> None:
    origin = serve(token=TOKEN)
    tab = open_tab(origin, expect_errors=True)
    tab.page.goto(origin)
    assert tab.page.url == f"{origin}/login"
    tab.page.get_by_label("The token").fill("not the token")
    tab.page.get_by_role("button", name="Open").click()
    assert tab.page.get_by_role("alert").inner_text() == "That is not the token."
    assert tab.violations() == []
    tab.page.goto(f"{origin}/query/x")
    assert tab.page.url == f"{origin}/login"
    tab.page.get_by_label("The token").fill(TOKEN)
    tab.page.get_by_role("button", name="Open").click()
    tab.page.wait_for_url(f"{origin}/")
    [cookie] = tab.page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert tab.page.evaluate("document.cookie") == ""
    assert TOKEN not in cookie["value"] + tab.page.url


@pytest.mark.parametrize(
    "path", ["/thumbnail/..%2f..%2f..%2fetc%2fpasswd", "/../../etc/passwd", "/files/style.css", "/query/x/export.zip"]
)
def test_no_address_leads_out_of_the_gallery(serve: Serve, open_tab: OpenTab, path: str) -> None:
    origin = serve()
    page = open_tab(origin, expect_errors=True).page
    assert page.goto(origin + path).status == 404
    assert "root:" not in page.content()
    assert page.get_by_role("alert").is_visible()


def test_it_works_without_scripts(serve: Serve, open_tab: OpenTab, people: Path) -> None:
    origin = serve()
    page = open_tab(origin, scripts=False).page
    page.goto(origin)
    ask(page, infrared_queries(people)[1])
    page.get_by_role("button", name="Right: result 1 shows the person").click()
    page.get_by_text("Marked as right.").wait_for()


def test_it_works_with_a_keyboard_alone(serve: Serve, open_tab: OpenTab, people: Path) -> None:
    origin = serve()
    page = open_tab(origin).page
    page.goto(origin)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.locator(":focus").is_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("[document.activeElement.id, document.activeElement.type]") == ["pictures", "file"]
    # The dialog that a key opens is the system's; without a screen there is none to type into.
    page.locator(":focus").set_input_files(infrared_queries(people)[0])
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/query/*")
    for _ in range(60):
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"  # where one is, is seen
        if (page.evaluate("document.activeElement.ariaLabel") or "").startswith("Wrong: result 1"):
            break
    page.keyboard.press("Enter")
    page.get_by_text("Marked as wrong.").wait_for()


@pytest.mark.parametrize("width", WIDTHS)
def test_everybody_can_use_it(serve: Serve, open_tab: OpenTab, people: Path, width: int) -> None:
    origin = serve()
    tab = open_tab(origin, width=width)
    tab.page.goto(origin)
    assert (tab.violations(), tab.too_wide()) == ([], [])
    ask(tab.page, infrared_queries(people)[2])
    tab.page.get_by_role("button", name="Right: result 1 shows the person").click()
    tab.page.get_by_text("Marked as right.").wait_for()
    assert (tab.violations(), tab.too_wide()) == ([], [])
    tab.keep(f"page-{width}")
    tab.page.get_by_text("Filter", exact=True).click()
    tab.page.locator(".hits summary").first.click()
    assert (tab.violations(), tab.too_wide()) == ([], [])
