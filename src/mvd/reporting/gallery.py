"""Galleries in the terminal and as JSON: search results, rows, statistics, the state of a log.

Tables fit 80 columns. Paths below the current folder are written relative to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mvd.data.samples import Modality
from mvd.errors import counted
from mvd.files.names import one_line
from mvd.reporting.terminal.progress import write_bytes
from mvd.reporting.terminal.style import MISSING, plain_table
from mvd.results.gallery import Added, Answer, Audit, Entry, GalleryStats, Hit

_DIGITS = 8  # shown of a row's name


def answer_report(answer: Answer) -> RenderableType:
    """Lay out the answer of a search: the decision, one row per picture, notes."""
    parts: list[RenderableType] = [Text(_decision(answer))]
    if answer.hits:
        parts.append(_hits_table(answer.hits))
        parts.append(Text(_legend(answer)))
    parts += [Text(one_line(f"note: {note}")) for note in answer.notes]
    return Group(*parts)


def added_lines(added: Added) -> list[str]:
    """Summarise an addition: one line per skipped file, then the counts."""
    parts = [f"{added.added:,} added"]
    parts += [f"{added.present:,} there already"] if added.present else []
    parts += [f"{len(added.skipped):,} skipped"] if added.skipped else []
    parts += [f"{added.removed:,} removed (file gone or changed)"] if added.removed else []
    parts += [f"{added.expired:,} removed (too old)"] if added.expired else []
    lines = [f"made {added.gallery}, with embeddings of {added.made}"] if added.made else []
    lines += [f"skipped: {defect}" for defect in added.skipped]
    return [*lines, f"{added.gallery}: {', '.join(parts)}; {counted(added.rows, 'picture')} now"]


def entries_report(entries: Sequence[Entry]) -> RenderableType:
    """Lay out rows of a gallery."""
    table = plain_table("row", "picture", text=2)
    table.columns[0].no_wrap = True
    for entry in entries:
        table.add_row(entry.row[:_DIGITS], _picture(entry))
    return table


def stats_report(stats: GalleryStats) -> RenderableType:
    """Lay out the statistics of a gallery."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _stats_rows(stats).items():
        table.add_row(name, Text(one_line(value)))
    return table


def audit_lines(audit: Audit, gallery: str) -> list[str]:
    """Report whether a log is intact, and the first broken line."""
    if audit.broken is None:
        if not audit.lines:
            return [f"{gallery}: the log is empty"]
        return [
            f"{gallery}: {counted(audit.lines, 'line')} since {audit.first}, all whole and in order",
            f"last hash: {audit.last}",
            "Keep it elsewhere: a log that ends with another, earlier line has lost some.",
        ]
    return [f"{gallery}: line {audit.broken:,} of the log is broken: {audit.fault}", str(audit.line)]


def gallery_json(value: Any) -> str:
    """Write a result as JSON; times are ISO 8601, UTC."""
    return json.dumps(_plain(value), indent=2)


def _plain(value: Any) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, datetime):
        return value.isoformat()
    return _plain(asdict(value)) if hasattr(value, "__dataclass_fields__") else value


def _decision(answer: Answer) -> str:
    searched = f"{counted(answer.rows, 'picture')} searched"
    if not answer.hits:
        return f"nothing found: {searched}"
    if answer.known is None:
        return searched
    rate = f"{100 * answer.false_alarms:.3g} % false alarms"
    among = f"{counted(answer.rows, 'picture')} of at most {counted(answer.people or 0, 'person')}"
    if not answer.known:
        return f"Probably not in this gallery: of {among} none passes the threshold for {rate}."
    passing = sum(bool(hit.passes) for hit in answer.hits)
    return f"Probably in this gallery: {passing} below pass the threshold for {rate} among {among}."


def _legend(answer: Answer) -> str:
    lines = ["row: for --like, show and remove"]
    if any(hit.pictures > 1 for hit in answer.hits):
        lines.append("n: pictures that the camera took within seconds, of which this is the best")
    if any(hit.distance is not None for hit in answer.hits):
        lines.append("dist.: re-ranked distance, which decides the order")
    if answer.known is not None:
        lines.append("prob.: that it is the person, if one of the people here is; *: passes the threshold")
    return "; ".join(lines) if len(lines) == 1 else "\n".join(lines)


def _hits_table(hits: Sequence[Hit]) -> Table:
    """Lay out hits, with the known metadata of a picture below its path, to fit 80 columns."""
    judged = any(hit.probability is not None for hit in hits)
    reranked = any(hit.distance is not None for hit in hits)
    grouped = any(hit.pictures > 1 for hit in hits)
    numbers = [
        "",
        "sim.",
        *(["prob."] if judged else []),
        *(["dist."] if reranked else []),
        *(["n"] if grouped else []),
    ]
    table = plain_table(*numbers, "row", "picture", text=len(numbers) + 2)
    for column in table.columns[:-1]:
        column.no_wrap = True
    for column in table.columns[: len(numbers)]:
        column.justify = "right"
    for place, hit in enumerate(hits, start=1):
        cells = [str(place), f"{hit.similarity:.3f}"]
        cells += [_percent(hit)] if judged else []
        cells += [f"{hit.distance:.3f}"] if reranked else []
        cells += [str(hit.pictures)] if grouped else []
        table.add_row(*cells, hit.entry.row[:_DIGITS], _picture(hit.entry))
    return table


def _picture(entry: Entry) -> Text:
    """Write a path, and the known metadata of the picture below."""
    known = [Modality(entry.modality).name.lower()]
    known += [f"camera {entry.camera}"] if entry.camera is not None else []
    known += [_time(entry.time)] if entry.time is not None else []
    known += [entry.identity] if entry.identity is not None else []
    known += [f"tags {', '.join(entry.tags)}"] if entry.tags else []
    return Text(f"{one_line(_path(entry.path))}\n{one_line(', '.join(known))}")


def _stats_rows(stats: GalleryStats) -> dict[str, str]:
    unknown = {"": "not known"}
    cameras = ", ".join(f"{unknown.get(name, name)} {count:,}" for name, count in list(stats.cameras.items())[:20])
    more = len(stats.cameras) - 20
    found = f"{stats.identities:,} named" + (
        f", {counted(stats.unnamed, 'picture')} without a name" if stats.unnamed else ""
    )
    index = "none; search is exact"
    if stats.index is not None:
        recall = (
            "not measured" if stats.recall is None else f"{stats.recall:.3f}, {counted(stats.recall_queries, 'query')}"
        )
        index = f"{stats.index}; recall@10 against exact search: {recall}"
        index += f"; {counted(stats.unindexed, 'row')} not in it yet" if stats.unindexed else ""
    times = f"{_time(stats.first)} to {_time(stats.last)} UTC" if stats.first else "not known"
    kept = "indefinitely" if stats.keep_days is None else f"{counted(stats.keep_days, 'day')} from when a row was added"
    return {
        "gallery": stats.gallery,
        "pictures": ", ".join([f"{stats.rows:,}", *(f"{name} {count:,}" for name, count in stats.modalities.items())]),
        "people": found,
        "cameras": cameras + (f" and {more:,} more" if more > 0 else "") or MISSING,
        "times": times,
        "model": str(stats.model),
        "opened by": stats.source,
        "kept": kept + (f"; the oldest since {_time(stats.oldest)} UTC" if stats.oldest else ""),
        "index": index,
        "size": MISSING if stats.bytes is None else _size(stats.bytes),
        "format": f"{stats.format}, version {stats.version} of the table",
    }


def _size(count: int) -> str:
    return write_bytes(count) if count >= 1_000_000 else f"{count / 1000:.0f} kB"


def _percent(hit: Hit) -> str:
    if hit.probability is None:
        return MISSING
    return f"{100 * hit.probability:.0f} %{'*' if hit.passes else ' '}"


def _time(moment: datetime | None) -> str:
    return MISSING if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S")


def _path(path: str) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return path
