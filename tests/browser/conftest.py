"""A real browser, a served gallery of rendered people, and reports, for the tests of `make test-browser`.

The browser is Debian's Chromium, or the one that MVD_CHROMIUM names; Playwright drives it. Where either is missing,
the tests are skipped and say so. With MVD_SCREENSHOTS=DIR, the pictures of docs/images are written there.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from shell import SIZE, TINY, mvd
from tabs import WIDTHS, Tab, infrared_queries

from mvd.commands.pictures.gallery import Gallery
from mvd.page.serve import make_page

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    reason = "the browser tests need {}: see `make test-browser`"
    sync_api = pytest.importorskip("playwright.sync_api", reason=reason.format("the package playwright"))
    program = os.environ.get("MVD_CHROMIUM") or next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is None:
        pytest.skip(reason.format("Chromium (apt-get install chromium)"))
    with sync_api.sync_playwright() as playwright:
        # Chromium's sandbox does not start as root, as which continuous integration runs.
        opened = playwright.chromium.launch(executable_path=program, chromium_sandbox=os.geteuid() != 0)
        yield opened
        opened.close()


@pytest.fixture
def open_tab(browser: Any) -> Iterator[Callable[..., Tab]]:
    """Open tabs that share nothing; at the end, nothing must have gone wrong in them."""
    contexts, tabs = [], list[Tab]()

    def opened(origin: str, *, width: int = 1280, scripts: bool = True, expect_errors: bool = False) -> Tab:
        context = browser.new_context(
            viewport={"width": width, "height": WIDTHS[width]}, java_script_enabled=scripts, accept_downloads=True
        )
        context.set_default_timeout(60_000)
        contexts.append(context)
        tab = Tab(context.new_page(), origin)
        if not expect_errors:
            tabs.append(tab)
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert [tab.errors for tab in tabs] == [[]] * len(tabs)


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered people: a folder of pictures for each person, in visible/ and in infrared/."""
    folder = tmp_path_factory.mktemp("people") / "people"
    sizes = ("--train", 4, "--validation", 2, "--test", 6, "--pictures", 2, "--height", 128, "--workers", 1)
    assert mvd("synth", folder, "--layout", "folder", *map(str, sizes)) == 0
    return folder


@pytest.fixture
def gallery(people: Path, tmp_path: Path) -> Path:
    """A gallery of all pictures but the first infrared one of each person."""
    folder, queries = tmp_path / "station", set(infrared_queries(people))
    visible, infrared = (sorted((people / name).rglob("*.jpg")) for name in ("visible", "infrared"))
    cameras = {"cam1": visible[::2], "cam2": visible[1::2], "cam3": [one for one in infrared if one not in queries]}
    for camera, files in cameras.items():
        Gallery(folder).add(files, camera=camera, tags=[f"at-{camera}"])
    return folder


@pytest.fixture
def serve(gallery: Path) -> Iterator[Callable[..., str]]:
    """Serve the gallery, and return the address."""
    servers = []

    def begin(**settings: Any) -> str:
        app = make_page(gallery, **settings)
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run)
        thread.start()
        servers.append((server, thread))
        while not server.started:
            thread.join(0.01)
            assert thread.is_alive()
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    yield begin
    for server, thread in servers:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def reports(people: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of one run and of two, calibrated ones."""
    folder = tmp_path_factory.mktemp("reports")
    assert mvd("prepare", people, *SIZE, "--workers", "1") == 0
    runs = [folder / "first", folder / "second"]
    for seed, run in enumerate(runs):
        train = ("train", people, "--recipe", "demo", *TINY, "--evaluate", "none", f"--seed={seed}", "--out", run)
        assert mvd(*train) == 0
        assert mvd("calibrate", run, people) == 0
    files = {"one": folder / "one.html", "two": folder / "two.html"}
    assert mvd("report", runs[0], "--out", files["one"]) == 0
    assert mvd("report", *runs, "--out", files["two"]) == 0
    return files
