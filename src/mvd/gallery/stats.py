"""Statistics of a gallery."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone

from mvd.data.samples import Modality
from mvd.gallery.filters import every
from mvd.gallery.index import index_state, measure_recall
from mvd.gallery.table import PictureTable
from mvd.results.gallery import GalleryStats


def count_people(table: PictureTable, where: str | None) -> int:
    """Bound the number of people among rows from above: each name, and each picture without a name, counts as one."""
    names: set[str] = set()
    unnamed = 0
    for batch in table.batches(["identity"], where):
        column = batch.column("identity")
        unnamed += column.null_count
        names.update(name for name in column.unique().to_pylist() if name is not None)
    return len(names) + unnamed


def count_modalities(table: PictureTable, where: str | None) -> dict[tuple[int, str | None], int]:
    """Count rows by modality, ignoring cameras, in the format of `count_cameras`."""
    counts = {int(one): table.count(every([where, f"modality = {int(one)}"])) for one in Modality}
    return {(modality, None): count for modality, count in counts.items() if count}


def count_cameras(table: PictureTable, where: str | None) -> dict[tuple[int, str | None], int]:
    """Count rows by modality and camera; unknown cameras count under None."""
    counts: Counter[tuple[int, str | None]] = Counter()
    for batch in table.batches(["modality", "camera"], where):
        counts.update(zip(*(batch.column(name).to_pylist() for name in ("modality", "camera")), strict=True))
    return dict(counts)


def gallery_stats(table: PictureTable, *, recall: bool) -> GalleryStats:
    """Compute statistics of a gallery, with the recall of its index if `recall` is set."""
    modalities: Counter[str] = Counter()
    cameras: Counter[str] = Counter()
    names: set[str] = set()
    unnamed = rows = 0
    times: list[int] = []
    added: list[int] = []
    for batch in table.batches(["modality", "camera", "identity", "time", "added"]):
        column = {name: batch.column(name).to_pylist() for name in batch.schema.names}
        rows += batch.num_rows
        modalities.update(Modality(one).name.lower() for one in column["modality"])
        cameras.update(name or "" for name in column["camera"])
        names.update(name for name in column["identity"] if name is not None)
        unnamed += sum(name is None for name in column["identity"])
        known = [one for one in column["time"] if one is not None]
        times = [min(times[:1] + known), max(times[1:] + known)] if known else times
        added = [min(added + column["added"])] if column["added"] else added
    state = index_state(table)
    measured: tuple[float | None, int] = (None, 0)
    if state is None:
        measured = (1.0, 0)
    elif recall:
        measured = measure_recall(table)
    settings, folder = table.settings, table.place.folder
    return GalleryStats(
        gallery=str(table.place),
        format=settings.format,
        model=settings.model,
        source=settings.source,
        rows=rows,
        identities=len(names),
        unnamed=unnamed,
        modalities=dict(modalities),
        cameras=dict(sorted(cameras.items())),
        first=_moment(times[:1]),
        last=_moment(times[1:]),
        keep_days=settings.keep_days,
        oldest=_moment(added),
        bytes=None if folder is None else sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
        version=table.version,
        index=None if state is None else state.kind,
        unindexed=0 if state is None else state.unindexed,
        recall=measured[0],
        recall_queries=measured[1],
    )


def _moment(microseconds: list[int]) -> datetime | None:
    return datetime.fromtimestamp(microseconds[0] / 1e6, timezone.utc) if microseconds else None
