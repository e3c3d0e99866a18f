"""Own pictures in a CSV table with the columns path, identity, camera, modality and split, in any order.

    path,identity,camera,modality,split
    pictures/0001.jpg,anna,door,visible,train

Paths are relative to the table's folder, or absolute. Modalities are visible and infrared, or one of their common
names. An empty or missing camera is unknown (0). Without the column split all people are test people; with it, rows
with an empty split are ignored. Other columns are ignored. Fields are separated by commas, semicolons or tabs. Pictures
of the identity -1, or junk, are distractors in the gallery of the test.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mvd.data.layouts.defects import OnDefect, raise_defect, require_both_modalities
from mvd.data.layouts.layout import Layout
from mvd.data.layouts.list_files import posix_path, require_pictures_once
from mvd.data.layouts.naming import is_junk, number_names, number_people
from mvd.data.samples import JUNK, Dataset, Modality, Row, from_rows, scan_order
from mvd.errors import DatasetError, counted, some
from mvd.files.regular import is_folder, is_there, require_regular

SPLITS = ("train", "validation", "test")
MODALITIES = {
    "visible": Modality.VISIBLE,
    "vis": Modality.VISIBLE,
    "rgb": Modality.VISIBLE,
    "infrared": Modality.INFRARED,
    "ir": Modality.INFRARED,
    "nir": Modality.INFRARED,
    "thermal": Modality.INFRARED,
}

_REQUIRED = ("path", "identity", "modality")
_UNUSED = ""  # split of a row that is ignored


class Table(NamedTuple):
    """A CSV file: column names, and for each row its line in the file (from 1) and its fields."""

    columns: list[str]
    rows: list[tuple[int, list[str]]]


class Entry(NamedTuple):
    """A row: one picture, with the names of identity and camera in the table."""

    line: int
    path: str
    identity: str
    camera: str
    modality: Modality
    split: str


def scan_own_table(file: Path, on_defect: OnDefect = raise_defect) -> Dataset:
    """Scan own pictures in a CSV table.

    Args:
        file: the table.
        on_defect: called with each defect; the default raises it as `DatasetError`.
    """
    entries = require_pictures_once(file.parent, file, read_entries(file, read_table(file), on_defect), on_defect)
    numbers = number_people(entry.identity for entry in entries)
    names = {number: name for name, number in numbers.items() if number != JUNK}
    cameras = {"": 0, **number_names([entry.camera for entry in entries if entry.camera], smallest=1)}
    rows: dict[str, list[Row]] = {split: [] for split in SPLITS}
    for split, identity, entry in _require_one_split(file, entries, numbers, names, on_defect):
        rows[split].append(Row(entry.path, identity, cameras[entry.camera], entry.modality))
    train, validation, test = (from_rows(sorted(rows[split], key=scan_order)) for split in SPLITS)
    require_both_modalities(file, (train, validation), "these two splits", names, on_defect)
    return Dataset(
        name="own",
        root=file.parent,
        train=train,
        validation=validation,
        test=test,
        people_lists=f"the column split of {file.name}",
        names=names,
        camera_names={number: name for name, number in cameras.items() if name},
        table=file,
    )


def read_table(file: Path, required: Sequence[str] = _REQUIRED) -> Table:
    """Read a CSV file with a header.

    Args:
        file: the table.
        required: the required columns.

    Raises:
        DatasetError: the table cannot be read, or a column is missing or occurs twice.
    """
    try:
        require_regular(file)
        text = file.read_text(encoding="utf-8-sig")
        # Excel separates fields by semicolons in locales with a decimal comma.
        separator = max(",;\t", key=text.lstrip("\r\n").partition("\n")[0].count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        rows = [(reader.line_num, fields) for fields in reader if any(field.strip() for field in fields)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(
            f"{file}: expected a CSV table in UTF-8, could not read it ({getattr(error, 'strerror', None) or error}); "
            f"save it again as one"
        ) from error
    columns = [name.strip().lower() for name in rows[0][1]] if rows else []
    missing = [name for name in required if name not in columns]
    if missing or len(set(columns)) < len(columns):
        remedy = f"add {', '.join(missing)}" if missing else "rename the other"
        raise DatasetError(
            f"{file}: expected a first line that names each column once, such as path,identity,camera,modality, found "
            f"{','.join(columns)[:80] or 'nothing'}; {remedy}"
        )
    return Table(columns, rows[1:])


def read_entries(file: Path, table: Table, on_defect: OnDefect) -> list[Entry]:
    """Parse the rows; rows that cannot be parsed are reported as defects and omitted."""
    entries: list[Entry] = []
    bad: dict[str, list[int]] = {}
    for line, fields in table.rows:
        match _parse(table.columns, line, fields):
            case Entry() as entry:
                entries.append(entry)
            case str(defect):
                bad.setdefault(defect, []).append(line)
    for defect, lines in bad.items():
        more = f" (lines {some(lines)})" if len(lines) > 1 else ""
        on_defect(f"{file}:{lines[0]}: {defect}{more}; correct the row")
    if not table.rows:
        on_defect(f"{file}: expected a row for each picture, found none below the header; add them")
    return entries


def _parse(columns: Sequence[str], line: int, fields: Sequence[str]) -> Entry | str:
    """Parse a row, or describe its defect."""
    if len(fields) != len(columns):
        return f"expected {counted(len(columns), 'field')}, as in the header, found {len(fields)}"
    record = {name: field.strip() for name, field in zip(columns, fields, strict=True)}
    empty = [name for name in ("path", "identity") if not record[name]]
    if empty:
        return f"expected a path, an identity and a modality, found no {' and no '.join(empty)}"
    modality = MODALITIES.get(record["modality"].lower())
    if modality is None:
        return f"expected a modality ({', '.join(MODALITIES)}), found {record['modality'][:40]!r}"
    split = record.get("split", "test").lower()
    if split not in (*SPLITS, _UNUSED):
        return f"expected a split ({', '.join(SPLITS)}), found {split[:40]!r}"
    if is_junk(record["identity"]) and split not in ("test", _UNUSED):
        return f"expected junk (identity {record['identity']}) in the test alone, found it in {split}"
    return Entry(line, posix_path(record["path"]), record["identity"], record.get("camera", ""), modality, split)


def _require_one_split(
    file: Path, entries: Sequence[Entry], numbers: Mapping[str, int], names: Mapping[int, str], on_defect: OnDefect
) -> list[tuple[str, int, Entry]]:
    """Return split, identity and entry of the used rows; people in two splits are kept in the first."""
    counted = [(entry.split, numbers[entry.identity], entry) for entry in entries if entry.split != _UNUSED]
    splits: dict[int, set[str]] = {}
    for split, identity, _ in counted:
        splits.setdefault(identity, set()).add(split)
    shared = sorted(identity for identity, found in splits.items() if len(found) > 1)
    if shared:
        on_defect(
            f"{file}: expected everybody in one split, found in more than one "
            f"{some([names[identity] for identity in shared])}; choose one for each"
        )
    kept = {identity: min(found, key=SPLITS.index) for identity, found in splits.items()}
    return [(split, identity, entry) for split, identity, entry in counted if kept[identity] == split]


LAYOUT = Layout(
    "own-table",
    "a CSV table",
    lambda path: path.suffix.lower() == ".csv" and is_there(path) and not is_folder(path),
    lambda file, _, on_defect: scan_own_table(file, on_defect),
)
