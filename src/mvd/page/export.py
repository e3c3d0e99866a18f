"""Export a result as a ZIP file: the list, the pictures, and a manifest of hashes."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath

from mvd.data.images import read_file
from mvd.errors import DatasetError
from mvd.results.gallery import Answer, Entry


def to_zip(answer: Answer, thumbnail: Callable[[str], bytes], gallery: str) -> bytes:
    """Pack a result into a ZIP file.

    A picture file is included only if its bytes have not changed since it was added to the gallery; otherwise the
    gallery's thumbnail is included. So only content that was added can be exported.

    Args:
        answer: the result.
        thumbnail: returns the thumbnail of a row.
        gallery: path of the gallery.

    Returns:
        The bytes of the ZIP file: results.csv, pictures/, and manifest.json with the SHA-256 of each file.
    """
    out = io.BytesIO()
    manifest: dict[str, str] = {}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:

        def put(name: str, content: bytes) -> None:
            archive.writestr(name, content)
            manifest[name] = hashlib.sha256(content).hexdigest()

        table = io.StringIO()
        rows = csv.writer(table)
        rows.writerow(
            ["rank", "row", "similarity", "probability", "passes", "camera", "time", "identity", "picture", "kind"]
        )
        for rank, hit in enumerate(answer.hits, start=1):
            entry = hit.entry
            content = _original(entry)
            kind, suffix = "original", PurePosixPath(entry.path).suffix.lower() or ".jpg"
            if content is None:
                kind, content, suffix = "thumbnail", thumbnail(entry.row), ".jpg"
            name = f"pictures/{rank:03}-{entry.row}{suffix}"
            put(name, content)
            probability = "" if hit.probability is None else f"{hit.probability:.4f}"
            passes = "" if hit.passes is None else str(hit.passes).lower()
            when = "" if entry.time is None else entry.time.isoformat()
            known = (entry.camera or "", when, entry.identity or "")
            rows.writerow([rank, entry.row, f"{hit.similarity:.4f}", probability, passes, *known, name, kind])
        put("results.csv", table.getvalue().encode())
        about = {
            "gallery": gallery,
            "written": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "pictures searched": answer.rows,
            "sha256": manifest,
        }
        archive.writestr("manifest.json", json.dumps(about, indent=2))
    return out.getvalue()


def _original(entry: Entry) -> bytes | None:
    try:
        content = read_file(Path(entry.path))
    except (DatasetError, OSError):
        return None
    return content if hashlib.sha256(content).hexdigest() == entry.hash else None
