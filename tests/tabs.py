"""A tab of a real browser, for the tests in tests/browser."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

WIDTHS = {1280: 900, 390: 844}
"""Of a screen and of a phone, with their heights."""

_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


class Tab:
    """A tab of the browser, and what went wrong in it.

    Attributes:
        page: Playwright's page.
        errors: of scripts, of the console, and requests that leave the page's own origin.
    """

    def __init__(self, page: Any, origin: str) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        page.on("request", lambda one: None if one.url.startswith((origin, "data:")) else self.errors.append(one.url))

    def violations(self) -> list[str]:
        """What axe-core finds wrong, a line each; charts are one picture each, with a text of its own."""
        axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing")
        charts = {"exclude": [["[data-chart] svg"]]}
        found = axe.Axe().run(self.page, context=charts, options={"runOnly": {"type": "tag", "values": list(_RULES)}})
        return [
            f"{one['id']}: {one['help']}: {node['html'][:160]}"
            for one in found.response["violations"]
            for node in one["nodes"]
        ]

    def too_wide(self) -> list[str]:
        """Elements that make the whole page scroll sideways."""
        script = """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("*")]
            .filter(one => one.getBoundingClientRect().right > innerWidth).map(one => one.outerHTML.slice(0, 120))"""
        return list(self.page.evaluate(script))

    def keep(self, name: str, **how: Any) -> None:
        """Keep a screenshot for the documentation, if that is asked for."""
        if folder := os.environ.get("MVD_SCREENSHOTS"):
            picture = Image.open(io.BytesIO(self.page.screenshot(**how))).convert("RGB")
            picture.save(Path(folder) / f"{name}.webp", quality=70, method=6)


def infrared_queries(people: Path) -> list[Path]:
    """The first infrared picture of each person."""
    return [min(folder.iterdir()) for folder in sorted((people / "infrared").iterdir())]
