"""Statistics of a gallery."""

from __future__ import annotations

from collections import Counter

from mvd.data.samples import Modality
from mvd.errors import some
from mvd.gallery.columns import moment
from mvd.gallery.filters import Filter, any_of, any_tag, every, spellings
from mvd.gallery.index import index_state, measure_recall
from mvd.gallery.table import PictureTable
from mvd.results.gallery import GalleryStats

_SHOWN = 12  # names in a message


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


def describe_unmet(table: PictureTable, only: Filter) -> list[str]:
    """Name each value of a filter that no row has, and what there is instead: why nothing fulfils it."""
    lines = []
    if only.cameras:
        present = sorted({camera for _, camera in count_cameras(table, None) if camera is not None})
        if missing := [one for one in only.cameras if not set(spellings([one])) & set(present)]:
            there = f"here are {some(present, _SHOWN)}" if present else "no picture here has one (gallery add --camera)"
            lines.append(f"no picture of camera {some(missing, _SHOWN)}: {there}")
    if only.modality is not None and not table.count(f"modality = {int(only.modality)}"):
        lines.append(f"no picture here is {only.modality.name.lower()}")
    if missing := [one for one in only.tags if not table.count(any_tag(spellings([one])))]:
        lines.append(f"no picture here is tagged {some(missing, _SHOWN)}")
    if missing := [one for one in only.identities if not table.count(any_of("identity", spellings([one])))]:
        named = table.count("identity IS NOT NULL")
        lines.append(f"no picture here is of {some(missing, _SHOWN)}" if named else "no picture here has an identity")
    if (only.since is not None or only.until is not None) and not table.count("time IS NOT NULL"):
        lines.append("no picture here has a time")
    return lines


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
        first=moment(times[0]) if times else None,
        last=moment(times[1]) if times else None,
        keep_days=settings.keep_days,
        oldest=moment(added[0]) if added else None,
        bytes=None if folder is None else sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
        version=table.version,
        index=None if state is None else state.kind,
        unindexed=0 if state is None else state.unindexed,
        recall=measured[0],
        recall_queries=measured[1],
    )
