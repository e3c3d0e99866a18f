"""The audit log of a gallery: who searched, added and removed what, and when, as hash-chained lines of JSON.

Each line contains the hash of the previous line and a hash of its own content, so a line that is changed, swapped,
inserted or deleted breaks the chain. Deleted lines at the end are detected only by comparison with the last hash, kept
elsewhere: see `Audit.last`.

The log contains hashes, but no pictures, names or paths, so it retains nothing of removed rows. In a folder it is the
file log.jsonl. In a shared store it is a table, in which each line number can be written only once.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from getpass import getuser
from pathlib import Path
from typing import Any

from mvd.errors import GalleryError
from mvd.files.appending import append, end_last_line
from mvd.files.locks import file_locked
from mvd.gallery.place import Place
from mvd.gallery.table import VERSIONS, explained, load_lancedb
from mvd.results.gallery import Audit

FILE = "log.jsonl"
_TABLE = "log"
_TAIL = 1 << 20  # bytes at the end of the file that contain the start of its last line
_TRIES = 100


class Log:
    """The log of a gallery.

    Args:
        place: where the gallery is.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._table: Any = None

    def close(self) -> None:
        """Release the log's table in a shared store; the next line opens it again."""
        self._table = None

    def append(self, what: str, *, durable: bool = False, **details: Any) -> None:
        """Append a line.

        Args:
            what: the action: "search", "add", "remove" …
            durable: wait until the line is on disk (fsync).
            details: further fields; hashes and numbers only, no names.

        Raises:
            GalleryError: the log cannot be written.
        """
        record = {
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "user": _user(),
            "host": socket.gethostname(),
            "what": what,
            **details,
        }
        with explained(self._place, "write its log"):
            if self._place.folder is not None:
                _append_to_file(self._place.folder / FILE, record, durable=durable)
            else:
                self._append_to_table(record)

    def lines(self) -> Iterator[str]:
        """Yield the lines, oldest first; an incomplete last line of a killed process, or one being written, is none."""
        with explained(self._place, "read its log"):
            if self._place.folder is None:
                rows = self._open().search().select(["number", "line"]).limit(None).to_arrow().sort_by("number")
                yield from rows.column("line").to_pylist()
                return
            file = self._place.folder / FILE
            if not file.exists():
                return
            with file.open(encoding="utf-8", errors="replace") as handle:
                for line in handle:
                    if line.endswith("\n") or _parse(line) is not None:
                        yield line.rstrip("\n")

    def audit(self) -> Audit:
        """Verify the hash chain."""
        return verify(self.lines())

    def _append_to_table(self, record: Mapping[str, Any]) -> None:
        import pyarrow as pa

        table = self._open()
        for _ in range(_TRIES):
            table.checkout_latest()
            number = table.count_rows()
            before = None
            if number:
                before = table.search().where(f"number = {number - 1}").limit(1).to_list()[0]["line"]
            row = pa.table({"number": [number], "line": [_chained(record, before)]}, schema=table.schema)
            try:
                done = table.merge_insert("number").when_not_matched_insert_all().execute(row)
            except (RuntimeError, OSError) as error:
                if "conflict" not in str(error).lower():
                    raise
                continue
            if done.num_inserted_rows:
                if number % VERSIONS == VERSIONS - 1:
                    table.optimize(cleanup_older_than=timedelta(hours=1))
                return
        raise GalleryError(f"{self._place}: expected to write its log, found other processes writing to it; try again")

    def _open(self) -> Any:
        if self._table is None:
            import pyarrow as pa

            connection = load_lancedb().connect(self._place.address)
            key = {"lance-schema:unenforced-primary-key": "true"}
            schema = pa.schema(
                [pa.field("number", pa.int64(), nullable=False, metadata=key), pa.field("line", pa.string())]
            )
            self._table = connection.create_table(_TABLE, schema=schema, mode="create", exist_ok=True)
        return self._table


def verify(lines: Iterable[str]) -> Audit:
    """Verify a hash chain, and find its first invalid line."""
    before: str | None = None
    first: str | None = None
    number = 0
    for number, line in enumerate(lines, start=1):
        record = _parse(line)
        fault = None
        if record is None:
            fault = "it is not a log line"
        elif record.get("hash") != _hash(record):
            fault = "it was changed: its hash does not match"
        elif record.get("previous") != before:
            fault = "the line before it does not match: a line was changed, inserted, moved or removed"
        if fault is not None or record is None:
            return Audit(lines=number, first=first, last=before, broken=number, fault=fault, line=line)
        first = first or str(record.get("time"))
        before = record["hash"]
    return Audit(lines=number, first=first, last=before, broken=None, fault=None, line=None)


def _append_to_file(file: Path, record: Mapping[str, Any], *, durable: bool) -> None:
    with file_locked(file.with_name(f".{file.name}.lock")):
        end_last_line(file)
        append(file, _chained(record, _last_line(file)) + "\n", durable=durable)


def _last_line(file: Path) -> str | None:
    try:
        with file.open("rb") as handle:
            handle.seek(max(0, handle.seek(0, os.SEEK_END) - _TAIL))
            return handle.read().decode("utf-8", "replace").rstrip("\n").rsplit("\n", 1)[-1] or None
    except FileNotFoundError:
        return None


def _chained(record: Mapping[str, Any], before: str | None) -> str:
    """Serialise a line: the record, the hash of the previous line, and its own hash."""
    previous = None if before is None else (_parse(before) or {}).get("hash", "")
    whole = {**record, "previous": previous}
    return json.dumps({**whole, "hash": _hash(whole)}, separators=(",", ":"))


def _hash(record: Mapping[str, Any]) -> str:
    text = json.dumps({name: value for name, value in record.items() if name != "hash"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _parse(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _user() -> str:
    try:
        return getuser()
    except (KeyError, OSError, ImportError):  # the user has no name
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"
