"""Ask the page of a gallery, and read its answer."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.testclient import TestClient


def ask(page: TestClient, *files: Path, **fields: str) -> str:
    """Upload pictures, and return the address of the result."""
    uploads = [("pictures", (file.name, file.read_bytes(), "image/jpeg")) for file in files]
    answer = page.post("/search", files=uploads, data=fields, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def rows(text: str) -> list[str]:
    return re.findall(r"<code>([0-9a-f]{16})</code>", text)
