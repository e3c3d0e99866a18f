"""The file of `mvd report` in a real browser, without a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tabs import WIDTHS, Tab

pytestmark = pytest.mark.browser

OpenTab = Callable[..., Tab]


def show(open_tab: OpenTab, file: Path, width: int = 1280, *, scripts: bool = True) -> Tab:
    tab = open_tab(file.as_uri(), width=width, scripts=scripts)
    tab.page.context.set_offline(True)
    tab.page.goto(file.as_uri())
    return tab


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("which", ["one", "two"])
def test_everybody_can_read_it(reports: dict[str, Path], open_tab: OpenTab, which: str, width: int) -> None:
    tab = show(open_tab, reports[which], width)
    charts = tab.page.locator("[data-chart]").count()
    tab.page.locator("[data-chart] .vega-embed").nth(charts - 1).wait_for()
    tab.page.get_by_text("Configuration", exact=True).first.click()
    assert (tab.violations(), tab.too_wide()) == ([], [])
    assert tab.page.locator("[data-chart] .vega-embed svg").count() == charts


def test_charts_are_there_without_scripts(reports: dict[str, Path], open_tab: OpenTab) -> None:
    page = show(open_tab, reports["one"], scripts=False).page
    charts = page.locator("[data-chart]")
    assert charts.count() >= 5
    assert all(chart.locator("svg").bounding_box()["width"] > 200 for chart in charts.all())


def test_it_is_read_with_a_keyboard_alone(reports: dict[str, Path], open_tab: OpenTab) -> None:
    page = show(open_tab, reports["one"], 390).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the figures"
    assert page.locator(":focus").is_visible()
    names = "all => all.map(one => one.outerHTML.slice(0, 90))"
    wanted = set(page.locator(".ranked, .wide, nav a, summary").evaluate_all(names))
    reached = set[str]()
    for _ in range(len(wanted) + 40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.outerHTML.slice(0, 90)"))
    hidden = set(page.locator("details .wide").evaluate_all(names))
    assert wanted - hidden <= reached
    ranked = page.locator(".ranked").first
    ranked.focus()
    page.keyboard.press("ArrowRight", delay=200)
    page.wait_for_function("document.querySelector('.ranked').scrollLeft > 0")


def test_it_is_printed_whole(reports: dict[str, Path], open_tab: OpenTab) -> None:
    page = show(open_tab, reports["one"]).page
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    pages = page.pdf(format="A4")
    assert pages.startswith(b"%PDF")
    assert pages.count(b"/Type /Page\n") + pages.count(b"/Type /Page ") >= 3
    # Nothing is cut off at the right: what scrolls on a screen wraps on paper.
    cut = page.locator(".ranked").evaluate_all("all => all.filter(one => one.scrollWidth > one.clientWidth + 1).length")
    assert cut == 0
