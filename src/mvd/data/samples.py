"""`Samples`: a table of pictures, one row each; and `Dataset`: the three tables of a data set.

Batches, features and protocols refer to pictures by their row, so the order of rows matters: layouts sort by identity,
then camera, then path (`scan_order`), like the arrays of the original's preparation script.

Shapes: N pictures.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import IntEnum
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mvd.errors import ConfigError, DatasetError
from mvd.files.names import shell_words
from mvd.files.regular import require_regular

JUNK = -1
"""Identity of junk, pictures without a person of interest: distractors in the gallery, never queries.

Where people are counted, each junk picture counts as a separate person.
"""

_COLUMNS = ("path", "identity", "camera", "modality")


class Modality(IntEnum):
    """The spectrum of a camera."""

    VISIBLE = 0
    INFRARED = 1


def modality_of(given: Modality | str | int) -> Modality:
    """Return a modality that is given as such, by its name, or by its number.

    Raises:
        ConfigError: there is no such modality.

    >>> modality_of("infrared"), modality_of(0)
    (<Modality.INFRARED: 1>, <Modality.VISIBLE: 0>)
    """
    named = Modality.__members__.get(given.upper()) if isinstance(given, str) else None
    for one in Modality:
        if one is named or (not isinstance(given, str) and given == one):
            return one
    raise ConfigError(f"modality: expected visible (0) or infrared (1), found {given!r}")


class Row(NamedTuple):
    """A picture: one row of `Samples`."""

    path: str
    identity: int
    camera: int
    modality: Modality


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """A table of pictures; its columns are read-only arrays (N,).

    Attributes:
        paths: (N,) str, relative to the data set's root, with forward slashes; in own pictures they may be absolute.
        identities: (N,) int64, number of the person in the data set (not a class); `JUNK` (-1) for junk.
        cameras: (N,) int64, number of the camera in the data set, from 1; 0 if unknown.
        modalities: (N,) int64, a `Modality` each.
    """

    paths: npt.NDArray[np.str_]
    identities: npt.NDArray[np.int64]
    cameras: npt.NDArray[np.int64]
    modalities: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "paths", np.asarray(self.paths, dtype=np.str_))
        for name in ("identities", "cameras", "modalities"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.int64))
        lengths = {column.name: getattr(self, column.name).shape for column in fields(self)}
        if len(set(lengths.values())) != 1 or self.paths.ndim != 1:
            raise DatasetError(f"expected four columns of one length, found {lengths}")
        for name in lengths:
            # A view, so that the caller's array stays writable.
            column = getattr(self, name).view()
            column.flags.writeable = False
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: npt.ArrayLike) -> Samples:
        """Select rows by indices (M,), in the order given, or by a mask (N,)."""
        selected = np.asarray(rows)
        if selected.size == 0:
            selected = selected.astype(np.int64)
        return Samples(**{column.name: getattr(self, column.name)[selected] for column in fields(self)})

    def of(self, modality: Modality) -> Samples:
        """Select the pictures of one modality."""
        return self.take(self.modalities == modality)

    @property
    def people(self) -> npt.NDArray[np.int64]:
        """The distinct identities, ascending, without `JUNK`."""
        return np.unique(self.identities[self.identities != JUNK])

    def to_csv(self) -> str:
        """Return the table as CSV text with a header; modalities by name."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for path, identity, camera, modality in zip(
            self.paths, self.identities, self.cameras, self.modalities, strict=True
        ):
            writer.writerow([path, identity, camera, Modality(modality).name.lower()])
        return text.getvalue()


def concatenate(tables: list[Samples]) -> Samples:
    """Concatenate tables; an empty list gives an empty table."""
    if not tables:
        return from_rows([])
    columns = {column.name: [getattr(table, column.name) for table in tables] for column in fields(Samples)}
    return Samples(**{name: np.concatenate(parts) for name, parts in columns.items()})


def from_rows(rows: Iterable[Row]) -> Samples:
    """Build a table from rows, in the order given.

    Example:
        >>> table = from_rows([Row("a.jpg", 7, 1, Modality.VISIBLE), Row("b.jpg", 7, 3, Modality.INFRARED)])
        >>> len(table), table.of(Modality.INFRARED).paths.tolist()
        (2, ['b.jpg'])
    """
    listed = list(rows)
    return Samples(
        paths=np.array([row.path for row in listed], dtype=np.str_),
        identities=np.array([row.identity for row in listed], dtype=np.int64),
        cameras=np.array([row.camera for row in listed], dtype=np.int64),
        modalities=np.array([row.modality for row in listed], dtype=np.int64),
    )


def scan_order(row: Row) -> tuple[int, int, str]:
    """Return the sorting key of layouts: identity, camera, path."""
    return row.identity, row.camera, row.path


def load_samples(file: Path) -> Samples:
    """Read a table written by `Samples.to_csv`.

    Raises:
        DatasetError: the file is missing, or a line cannot be parsed.
    """
    try:
        require_regular(file)
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file}: expected a CSV table of pictures, could not read it ({error})") from error
    rows = list(csv.reader(io.StringIO(text, newline="")))
    if not rows or tuple(rows[0]) != _COLUMNS:
        raise DatasetError(f"{file}: expected the header {','.join(_COLUMNS)}, found {rows[0] if rows else 'nothing'}")
    try:
        return from_rows(Row(str(PurePosixPath(p)), int(i), int(c), Modality[m.upper()]) for p, i, c, m in rows[1:])
    except (ValueError, KeyError) as error:
        raise DatasetError(f"{file}: expected lines of {','.join(_COLUMNS)}, found a bad one ({error})") from error


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """A scanned data set: its training, validation and test pictures.

    No identity is in two of the three tables.

    Attributes:
        name: "sysu", "regdb", "llcm" or "own"; selects the protocols.
        root: the folder to which `Samples.paths` are relative.
        train: training pictures; may be empty in own pictures.
        validation: validation pictures, which determine the best checkpoint; empty in layouts without validation.
        test: test pictures; only they may be `JUNK`.
        people_lists: files that assign people to tables, for messages, such as "exp/train_id.txt".
        trial: RegDB's split, 1 … 10; None elsewhere.
        names: identity → name in own pictures; empty elsewhere.
        camera_names: number of a camera → name in own tables; empty elsewhere, where cameras are named by number.
        table: the CSV table that is passed to commands instead of the folder; None elsewhere.
    """

    name: str
    root: Path
    train: Samples
    validation: Samples
    test: Samples
    people_lists: str
    trial: int | None = None
    names: Mapping[int, str] = field(default_factory=dict)
    camera_names: Mapping[int, str] = field(default_factory=dict)
    table: Path | None = None

    def __post_init__(self) -> None:
        for split, table in (("train", self.train), ("validation", self.validation)):
            if (table.identities == JUNK).any():
                raise DatasetError(
                    f"{self.root}: expected people in the {split} pictures, found junk (identity {JUNK}); leave it to "
                    f"the test pictures"
                )

    @property
    def upright(self) -> bool:
        """Whether pictures are rotated by their EXIF orientation: True for own pictures, False for benchmarks."""
        return self.name == "own"


def or_split(dataset: Dataset) -> str:
    """Offer `mvd split` at the end of an error about missing training people, where it can choose them."""
    if dataset.name != "own" or len(dataset.train):
        return ""
    return f", or choose them at random: {shell_words('mvd', 'split', dataset.table or dataset.root)}"
