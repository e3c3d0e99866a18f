"""Removing rows for good: from the table, from its files, from its indices and from its older versions.

LanceDB's deletion marks rows and leaves their bytes where they are. Here the rows that stay are first written to new
files, so that the old files hold only what goes; then that is deleted, in one transaction; then indices, which hold
quantised embeddings, are dropped, and the files of every older version deleted. A process that is killed before the
deletion has removed nothing; after it, the next one that adds or removes finishes the cleaning.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mvd.gallery.columns import ROW
from mvd.gallery.exact import row_ids
from mvd.gallery.filters import any_of, every
from mvd.gallery.index import drop_indices
from mvd.gallery.log import Log
from mvd.gallery.table import PictureTable, explained

_LISTED = 5_000  # rows that a condition, or a line of the log, names one by one
_FRAGMENT = 1 << 32  # LanceDB's number of a row is its fragment times this, and its place there


def remove_rows(table: PictureTable, log: Log, where: str, **details: Any) -> int:
    """Remove the rows that fulfil a condition; the caller holds the gallery's lock.

    Args:
        table: the rows.
        log: gets a line before and a line after.
        where: the condition.
        details: what else the log says; hashes, no names.

    Returns:
        The number of rows that are gone.

    Raises:
        GalleryError: LanceDB cannot; a line of the log says what was begun.
    """
    found = table.read([ROW, "added"], where)
    names = found.column(ROW).to_pylist()
    if not names:
        return 0
    fragments = np.unique(row_ids(found) // _FRAGMENT).tolist()
    # Another process may add a row that fulfils the condition; it stays, whole.
    latest = max(found.column("added").to_pylist())
    gone = any_of(ROW, names) if len(names) <= _LISTED else f"({where}) AND added <= {latest}"
    log.append("remove", state="begun", count=len(names), rows=names[:_LISTED], durable=True, **details)
    table.set(cleaning=True)
    with explained(table.place, "remove rows"):
        for fragment in fragments:
            inside = f"_rowid >= {fragment * _FRAGMENT} AND _rowid < {(fragment + 1) * _FRAGMENT}"
            table.handle.update(where=every([inside, f"(({gone}) IS NOT TRUE)"]), values_sql={"path": "path"})
        table.handle.delete(gone)
    _clean(table)
    log.append("remove", state="done", count=len(names), durable=True)
    return len(names)


def finish_removal(table: PictureTable, log: Log) -> bool:
    """Finish what a killed process left of a removal; the caller holds the gallery's lock.

    Returns:
        Whether there was something to finish.
    """
    if not table.settings.cleaning:
        return False
    _clean(table)
    log.append("remove", state="finished", durable=True)
    return True


def _clean(table: PictureTable) -> None:
    """Drop indices and delete what only older versions need."""
    drop_indices(table)
    # A new version, because the newest one keeps a record of the deletion, with its condition.
    table.set(cleaning=True)
    table.prune()
    table.set(cleaning=False)
