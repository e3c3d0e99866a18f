"""`mvd gallery`: a dataclass of arguments for each of its actions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.console import Console
from tyro.conf import Positional

from mvd.cli.screen import open_console, say
from mvd.data.samples import Modality
from mvd.errors import ConfigError

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
    """only pictures from then on, such as 2024-05-01 or 2024-05-01T23:10+02:00; UTC without a zone"""
    until: str | None = None
    """only pictures until then; a date alone includes its day"""
    tag: tuple[str, ...] = ()
    """only pictures with one of these tags"""
    identity: tuple[str, ...] = ()
    """only pictures of these people, by name"""

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
    """Add pictures or embeddings; what is there already is skipped."""

    gallery: Positional[str]
    """folder of the gallery, or its address, such as s3://bucket/people; made where there is none"""
    pictures: Positional[tuple[str, ...]] = ()
    """files, folders, patterns, CSV tables, or .parquet and .npz of mvd embed"""
    model: str | None = None
    """exported program, run folder or checkpoint; by default the gallery's, and for a new one the model in the box"""
    modality: ModalityFlag = "auto"
    """of all pictures; auto takes a table's or a folder's, or guesses it from the pixels"""
    camera: str | None = None
    """name of the camera, where no table says it"""
    identity: str | None = None
    """name of the person, where no table says it"""
    tag: tuple[str, ...] = ()
    """words to find the pictures by"""
    skip_bad: bool = False
    """skip files that are no pictures"""
    keep_days: float | None = None
    """from now on, remove rows so many days after they were added; 0 keeps them for ever"""
    embed_again: bool = False
    """embed the whole gallery with --model first, and go over to it"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.report.gallery import added_lines
        from mvd.report.terminal.progress import counting_bar

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

    A folder of pictures that is no gallery gets one, in .mvd-gallery in it, which follows the folder.
    """

    gallery: Positional[str]
    """gallery, or a folder of pictures"""
    pictures: Positional[tuple[str, ...]] = ()
    """pictures of one person, or a file of mvd embed"""
    like: tuple[str, ...] = ()
    """rows that show the person, as an earlier search printed them"""
    model: str | None = None
    """where the gallery's model is now, if it has been moved"""
    query_modality: ModalityFlag = "auto"
    """modality of the pictures that are searched with"""
    query_camera: str | None = None
    """their camera, where no table says it; of cameras that the model is calibrated for, probabilities are their own"""
    top: int = 10
    """results"""
    combine: Literal["mean", "best"] = "mean"
    """several pictures: search with the mean of their embeddings, or take the best result of each"""
    rerank: bool = False
    """re-rank the nearest 1,000 pictures by k-reciprocal neighbours"""
    group_seconds: float = 10
    """of pictures that one camera took within so many seconds show only the best; 0 shows all"""
    false_alarms: float = 0.01
    """for the threshold: share of people who are not in the gallery for whom a picture may pass"""
    json: bool = False
    """print JSON"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.pictures.gallery_pictures import list_sources
        from mvd.data.own.listing import list_pictures
        from mvd.report.gallery import added_lines, answer_report, gallery_json
        from mvd.report.terminal.progress import counting_bar

        if not self.pictures and not self.like:
            raise ConfigError("expected a picture to search with, or --like ROW, found neither; name one")
        if paths := list_sources(self.pictures)[0]:
            list_pictures(paths)  # what is not there is refused before a folder is embedded
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

    gallery: Positional[str]
    """gallery"""
    rows: Positional[tuple[str, ...]] = ()
    """rows, by their first digits; by default all"""
    top: int = 20
    """rows to show at most"""
    thumbnail: Path | None = None
    """write the thumbnail of the one row into this JPEG file"""
    json: bool = False
    """print JSON"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.report.gallery import entries_report, gallery_json

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
            say(console, "no such rows")
        return 0


@dataclass(frozen=True, kw_only=True)
class Remove(_Which):
    """Remove rows for good, from older versions of the table, too.

    All conditions that are given hold at once.
    """

    gallery: Positional[str]
    """gallery"""
    rows: Positional[tuple[str, ...]] = ()
    """rows, by their first digits"""
    path: tuple[str, ...] = ()
    """pictures of these files, or below these folders"""
    expired: bool = False
    """rows that are older than the gallery keeps them"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        gallery = _open(self.gallery)
        removed = gallery.remove(self.rows, paths=self.path, only=self._filter(), expired=self.expired)
        say(console, f"{removed.gallery}: {removed.rows:,} removed for good; {removed.left:,} left")
        if removed.back:
            say(
                console,
                f"note: {removed.back:,} of these pictures are still in the folder that this gallery follows; the next "
                f"search adds them again, unless you delete them there",
            )
        return 0


@dataclass(frozen=True, kw_only=True)
class Stats:
    """Count what is in a gallery, and measure its index."""

    gallery: Positional[str]
    """gallery"""
    quick: bool = False
    """do not measure the recall"""
    json: bool = False
    """print JSON"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.report.gallery import gallery_json, stats_report

        stats = _open(self.gallery).stats(recall=not self.quick)
        if self.json:
            print(gallery_json(stats))
        else:
            console.print(stats_report(stats))
        return 0


@dataclass(frozen=True, kw_only=True)
class Audit:
    """Verify the log of who searched and removed what.

    The exit code is 1 if a line was changed, exchanged, inserted or taken out.
    """

    gallery: Positional[str]
    """gallery"""
    json: bool = False
    """print JSON"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.report.gallery import audit_lines, gallery_json

        gallery = _open(self.gallery)
        audit = gallery.audit()
        if self.json:
            print(gallery_json(audit))
        else:
            say(console, *audit_lines(audit, gallery.place))
        return 0 if audit.broken is None else 1


class Gallery:
    """Find people in one's own pictures; add, search, forget."""


def _open(address: str, model: str | None = None) -> commands.Gallery:
    from mvd.commands.pictures.gallery import Gallery as OpenGallery

    progress = open_console(stderr=True)
    return OpenGallery(address, model=model, keep=False, note=lambda line: say(progress, line))


def _modality(flag: ModalityFlag) -> Modality | None:
    return None if flag == "auto" else Modality[flag.upper()]
