"""Delete rows permanently: from the table, its files, its indices and its older versions.

LanceDB's own deletion only marks rows; their bytes stay in the files. Here the remaining rows are first rewritten to
new files, so that the old files contain only rows to delete. These are deleted in one transaction. Then the indices,
which contain quantised embeddings, are dropped, and the files of all older versions are deleted. A process killed
before the transaction has deleted nothing; after it, the next process that adds or removes finishes the clean-up.
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

_LISTED = 5_000  # maximum number of rows listed individually in a condition or a log line
_FRAGMENT = 1 << 32  # LanceDB's row id is fragment * _FRAGMENT + offset


def remove_rows(table: PictureTable, log: Log, where: str, **details: Any) -> int:
    """Delete the rows that match a condition; the caller holds the gallery's lock.

    Args:
        table: the rows.
        log: the log; one line is appended before the deletion and one after it.
        where: the SQL condition.
        details: further fields of the log line; hashes only, no names.

    Returns:
        The number of deleted rows.

    Raises:
        GalleryError: LanceDB failed; the log contains the line written before the deletion.
    """
    found = table.read([ROW, "added"], where)
    names = found.column(ROW).to_pylist()
    if not names:
        return 0
    fragments = np.unique(row_ids(found) // _FRAGMENT).tolist()
    # Another process may add a matching row meanwhile; that row is kept.
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


def finish_removal(table: PictureTable, log: Log) -> None:
    """Finish a removal that a killed process left unfinished, if any; the caller holds the gallery's lock."""
    if table.settings.cleaning:
        _clean(table)
        log.append("remove", state="finished", durable=True)


def _clean(table: PictureTable) -> None:
    """Drop the indices and delete files that only older versions use."""
    drop_indices(table)
    # Create a new version, because the newest one records the deletion with its condition.
    table.set(cleaning=True)
    table.prune()
    table.set(cleaning=False)
