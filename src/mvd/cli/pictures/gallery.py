"""`mvd gallery`: a dataclass of arguments for each subcommand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from rich.console import Console
from tyro.conf import Positional, arg

from mvd.cli.screen import open_console, say
from mvd.data.samples import Modality
from mvd.errors import ConfigError, counted

if TYPE_CHECKING:
    from mvd.commands.pictures import gallery as commands
    from mvd.gallery.filters import Filter

ModalityFlag = Literal["auto", "visible", "infrared"]


@dataclass(frozen=True, kw_only=True)
class _Which:
    camera: tuple[str, ...] = ()
    """only pictures of these cameras"""
    modality: Literal["visible", "infrared"] | None = None
    """only pictures of this modality"""
    since: str | None = None
    """only pictures taken at or after this time, such as 2024-05-01 or 2024-05-01T23:10+02:00; UTC by default"""
    until: str | None = None
    """only pictures taken at or before this time; a date includes the whole day"""
    tag: tuple[str, ...] = ()
    """only pictures with one of these tags"""
    identity: tuple[str, ...] = ()
    """only pictures of these identities"""

    def _filter(self) -> Filter:
        from mvd.gallery.filters import Filter, parse_time

        return Filter(
            cameras=self.camera,
            modality=None if self.modality is None else Modality[self.modality.upper()],
            since=None if self.since is None else parse_time(self.since),
            until=None if self.until is None else parse_time(self.until, end=True),
            tags=self.tag,
            identities=self.identity,
        )


@dataclass(frozen=True, kw_only=True)
class Add:
    """Add pictures or embeddings; skip those already in the gallery."""

    gallery: Annotated[Positional[str], arg(metavar="GALLERY")]
    """folder or URL of the gallery, such as s3://bucket/people; created if it does not exist"""
    pictures: Annotated[Positional[tuple[str, ...]], arg(metavar="[PICTURES ...]", help_behavior_hint="")] = ()
    """files, folders, patterns, CSV tables, or .parquet and .npz files of mvd embed"""
    model: str | None = None
    """ONNX file, run folder or checkpoint; by default the gallery's own, and for a new gallery the model in the box"""
    modality: ModalityFlag = "auto"
    """modality of all pictures; auto: from the table, else from a folder's name, else guessed from the pixels"""
    camera: str | None = None
    """camera of pictures without one in a table"""
    identity: str | None = None
    """identity of pictures without one in a table"""
    tag: tuple[str, ...] = ()
    """keywords for filtering"""
    skip_bad: bool = False
    """skip files that are not pictures"""
    keep_days: float | None = None
    """set the gallery's retention: days after which a row is removed; 0: no limit"""
    embed_again: bool = False
    """first embed the whole gallery again with --model, which becomes its model"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.reporting.gallery import added_lines
        from mvd.reporting.terminal.progress import counting_bar

        gallery = _open(self.gallery, self.model)
        with counting_bar(open_console(stderr=True), "adding") as bar:
            added = gallery.add(
                self.pictures,
                modality=_modality(self.modality),
                camera=self.camera,
                identity=self.identity,
                tags=self.tag,
                skip_bad=self.skip_bad,
                keep_days=self.keep_days,
                again=self.embed_again,
                progress=bar,
            )
        say(console, *added_lines(added))
        return 0


@dataclass(frozen=True, kw_only=True)
class Search(_Which):
    """Search for a person: by pictures, or by rows of the gallery.

    For a folder of pictures, a gallery is created in its subfolder .mvd-gallery and updated at each search.
    """

    gallery: Annotated[Positional[str], arg(metavar="GALLERY")]
    """folder or URL of the gallery, or a folder of pictures"""
    pictures: Annotated[Positional[tuple[str, ...]], arg(metavar="[PICTURES ...]", help_behavior_hint="")] = ()
    """pictures of one person, or .parquet and .npz files of mvd embed"""
    like: tuple[str, ...] = ()
    """rows that show the person, as printed by an earlier search"""
    model: str | None = None
    """path of the gallery's model, if that was moved"""
    query_modality: ModalityFlag = "auto"
    """modality of the query pictures"""
    query_camera: str | None = None
    """camera of query pictures without one in a table, for the calibration of that pair of cameras"""
    top: int = 10
    """number of results"""
    combine: Literal["mean", "best"] = "mean"
    """for several pictures: search with their mean embedding, or take the best result of each"""
    rerank: bool = False
    """re-rank the nearest 1,000 pictures by k-reciprocal neighbours"""
    group_seconds: float = 10
    """show only the best of pictures that one camera took within this many seconds; 0: show all"""
    false_alarms: float = 0.01
    """false-alarm rate: fraction of people not in the gallery for whom a picture passes the threshold"""
    json: bool = False
    """print JSON"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.pictures.gallery_pictures import list_sources
        from mvd.data.own.listing import list_pictures
        from mvd.reporting.gallery import added_lines, answer_report, gallery_json
        from mvd.reporting.terminal.progress import counting_bar

        if not self.pictures and not self.like:
            raise ConfigError("expected a picture to search with, or --like ROW, found neither; name one")
        if paths := list_sources(self.pictures)[0]:
            list_pictures(paths)  # a missing file is refused before a folder is embedded
        progress = open_console(stderr=True)
        gallery = _open(self.gallery, self.model)
        with counting_bar(progress, "adding") as bar:
            followed = gallery.follow(progress=bar)
        if followed is not None:
            say(progress, *added_lines(followed))
        answer = gallery.search(
            self.pictures,
            like=self.like,
            modality=_modality(self.query_modality),
            camera=self.query_camera,
            only=self._filter(),
            top=self.top,
            combining=self.combine,
            rerank=self.rerank,
            group_seconds=self.group_seconds,
            false_alarms=self.false_alarms,
        )
        if self.json:
            print(gallery_json(answer))
        else:
            console.print(answer_report(answer))
        return 0


@dataclass(frozen=True, kw_only=True)
class Show(_Which):
    """Show rows, the latest pictures first."""

    gallery: Annotated[Positional[str], arg(metavar="GALLERY")]
    """folder or URL of the gallery"""
    rows: Annotated[Positional[tuple[str, ...]], arg(metavar="[ROW ...]", help_behavior_hint="")] = ()
    """rows, by the first digits of their identifiers; by default all"""
    top: int = 20
    """maximum number of rows"""
    thumbnail: Path | None = None
    """save the thumbnail of the given row to this JPEG file"""
    json: bool = False
    """print JSON"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.reporting.gallery import entries_report, gallery_json

        gallery = _open(self.gallery)
        entries = gallery.rows(self.rows, only=self._filter(), limit=self.top)
        if self.thumbnail is not None:
            if len(self.rows) != 1:
                raise ConfigError(f"thumbnail: expected one row to show, found {len(self.rows)}; name one")
            gallery.save_thumbnail(self.rows[0], self.thumbnail)
        if self.json:
            print(gallery_json(entries))
        elif entries:
            console.print(entries_report(entries))
        else:
            say(console, "no matching rows")
        return 0


@dataclass(frozen=True, kw_only=True)
class Remove(_Which):
    """Remove rows permanently, also from older versions of the table.

    Rows must meet all given conditions.
    """

    gallery: Annotated[Positional[str], arg(metavar="GALLERY")]
    """folder or URL of the gallery"""
    rows: Annotated[Positional[tuple[str, ...]], arg(metavar="[ROW ...]", help_behavior_hint="")] = ()
    """rows, by the first digits of their identifiers"""
    path: tuple[str, ...] = ()
    """files, or folders with everything below them"""
    expired: bool = False
    """rows older than the gallery's retention"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        gallery = _open(self.gallery)
        removed = gallery.remove(self.rows, paths=self.path, only=self._filter(), expired=self.expired)
        say(console, f"{removed.gallery}: {removed.rows:,} removed for good; {removed.left:,} left")
        if removed.back:
            say(
                console,
                f"note: still in the folder that this gallery follows: {counted(removed.back, 'picture')}; the next "
                f"search adds them again, unless you delete them there",
            )
        return 0


@dataclass(frozen=True, kw_only=True)
class Stats:
    """Show statistics of a gallery, and the recall of its index."""

    gallery: Annotated[Positional[str], arg(metavar="GALLERY")]
    """folder or URL of the gallery"""
    quick: bool = False
    """skip measuring the recall"""
    json: bool = False
    """print JSON"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.reporting.gallery import gallery_json, stats_report

        stats = _open(self.gallery).stats(recall=not self.quick)
        if self.json:
            print(gallery_json(stats))
        else:
            console.print(stats_report(stats))
        return 0


@dataclass(frozen=True, kw_only=True)
class Audit:
    """Verify the log of searches, additions and removals.

    The exit code is 1 if a line was changed, moved, inserted or removed.
    """

    gallery: Annotated[Positional[str], arg(metavar="GALLERY")]
    """folder or URL of the gallery"""
    json: bool = False
    """print JSON"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.reporting.gallery import audit_lines, gallery_json

        gallery = _open(self.gallery)
        audit = gallery.audit()
        if self.json:
            print(gallery_json(audit))
        else:
            say(console, *audit_lines(audit, gallery.place))
        return 0 if audit.broken is None else 1


class Gallery:
    """Search people in your own pictures: add, search, remove."""


def _open(address: str, model: str | None = None) -> commands.Gallery:
    from mvd.commands.pictures.gallery import Gallery as OpenGallery

    progress = open_console(stderr=True)
    return OpenGallery(address, model=model, keep=False, note=lambda line: say(progress, line))


def _modality(flag: ModalityFlag) -> Modality | None:
    return None if flag == "auto" else Modality[flag.upper()]
