"""Read the lists of a split: text files of identities, names, or pictures with labels.

A byte order mark, CRLF, blank lines and backslashes between folders are accepted.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol, TypeVar

from mvd.data.layouts.defects import OnDefect, raise_defect
from mvd.data.layouts.folders import missing_files
from mvd.errors import counted, some
from mvd.files.regular import require_regular


class Listed(NamedTuple):
    """A line of a list of pictures: path relative to the root, label from 0, and line number from 1."""

    path: str
    label: int
    line: int


class _Line(Protocol):
    @property
    def path(self) -> str: ...

    @property
    def line(self) -> int: ...


L = TypeVar("L", bound=_Line)


def read_identities(file: Path, on_defect: OnDefect = raise_defect, *, nobody: bool = False) -> tuple[int, ...]:
    """Read an id file: one line of comma-separated identities, which may be wrapped into several.

    Args:
        file: the id file.
        on_defect: called if the file is missing or empty, or contains anything but distinct positive integers.
        nobody: whether the file may be empty.

    Returns:
        The identities that could be read, ascending.
    """
    text = read_text(file, "an id file", "the line 1,2,4", on_defect)
    if text is None:
        return ()
    tokens = [token for token in re.split(r"[,\s]+", text) if token]
    if not (tokens or nobody):
        on_defect(f"{file}: expected comma-separated identities such as 1,2,4, found an empty file")
    # Numbers must fit into 64 bits.
    numbers = [t for t in tokens if t.isascii() and t.isdecimal() and len(t) < 19 and int(t) > 0]
    if len(numbers) < len(tokens):
        junk = [repr(token[:40]) for token in tokens if token not in numbers]
        on_defect(f"{file}: expected positive integers separated by commas, found {some(junk)}")
    identities = [int(token) for token in numbers]
    _require_once(file, identities, on_defect)
    return tuple(sorted(set(identities)))


def read_names(file: Path, on_defect: OnDefect = raise_defect) -> tuple[str, ...]:
    """Read a list of people with arbitrary names: one per line, or separated by commas; quoted if they contain one.

    Args:
        file: the list; it may be empty.
        on_defect: called if the file cannot be read, or contains a name twice.

    Returns:
        The names, in the order of the file.
    """
    text = read_text(file, "a list of people", "a name on each line", on_defect)
    try:
        lines = list(csv.reader(io.StringIO(text or "", newline=""), skipinitialspace=True))
    except csv.Error as error:
        on_defect(f"{file}: expected a list of people, could not read it ({error}); correct its quotes")
        return ()
    names = [name.strip() for line in lines for name in line if name.strip()]
    _require_once(file, names, on_defect)
    return tuple(dict.fromkeys(names))


def read_labelled(root: Path, file: str, on_defect: OnDefect = raise_defect) -> list[Listed]:
    """Read a list of pictures, whose lines are a path, white space and a label.

    Args:
        root: folder to which the paths are relative.
        file: the list, relative to the root.
        on_defect: called if the list is missing or empty, a line has another format, or a picture is missing or listed
            twice.

    Returns:
        The lines without defects, in the order of the file; paths with forward slashes.
    """
    example = "Visible/1/a.bmp 0"
    text = read_text(root / file, "a list of pictures", f"the line {example}", on_defect)
    if text is None:
        return []
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    parsed = [(number, line, _parse(number, line)) for number, line in lines]
    bad = [(number, line) for number, line, listed in parsed if listed is None]
    if bad:
        more = f" (and {counted(len(bad) - 1, 'more such line')})" if len(bad) > 1 else ""
        on_defect(
            f"{root / file}:{bad[0][0]}: expected a path and a label, such as {example}, "
            f"found {bad[0][1][:60]!r}{more}; correct the line"
        )
    if not lines:
        on_defect(f"{root / file}: expected pictures such as {example}, found an empty file; copy it again")
    return require_pictures_once(root, root / file, [listed for _, _, listed in parsed if listed], on_defect)


def require_pictures_once(root: Path, file: Path, lines: Sequence[L], on_defect: OnDefect) -> list[L]:
    """Check that the pictures on a list exist, and that no picture is listed twice.

    Args:
        root: folder to which the paths are relative.
        file: the list, for messages.
        lines: lines of the list.
        on_defect: called with the pictures listed again, and with the missing pictures.

    Returns:
        The lines without defects.
    """
    first = {listed.path: listed for listed in reversed(lines)}
    again = [f"{listed.path} (line {listed.line})" for listed in lines if first[listed.path] is not listed]
    if again:
        on_defect(f"{file}: expected each picture once, found again {some(again)}; keep one line")
    missing = missing_files(root, first, on_defect)
    if missing:
        where = [f"{listed.path} (line {listed.line})" for listed in lines if listed.path in missing]
        on_defect(
            f"{file}: expected every listed picture in {root}, found no {some(where)}; unpack them or take them "
            f"off the list"
        )
    return [listed for listed in lines if first[listed.path] is listed and listed.path not in missing]


def require_same_labels(root: Path, lists: Mapping[str, Sequence[Listed]], on_defect: OnDefect) -> None:
    """Check that two lists, of one split's visible and infrared pictures, label the same people.

    Args:
        root: root of the data set.
        lists: the two lists by their files; if one is empty, nothing is compared.
        on_defect: called with the labels that are in one list only.
    """
    (one, ones), (other, others) = lists.items()
    if not (ones and others):
        return
    labels, other_labels = ({listed.label for listed in lines} for lines in (ones, others))
    for file, missing in ((one, other_labels - labels), (other, labels - other_labels)):
        if missing:
            on_defect(
                f"{root / file}: expected pictures of every person in {one} and {other}, found none with label "
                f"{some(sorted(missing))}; add them or take the label off the other list"
            )


def read_text(file: Path, what: str, example: str, on_defect: OnDefect) -> str | None:
    """Read a text file in UTF-8; report a defect and return None if it cannot be read."""
    try:
        require_regular(file)
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        defect = f"{file}: expected {what} with lines such as {example}, found none; copy it from the data set"
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        defect = f"{file}: expected {what} in plain text (UTF-8), could not read it ({reason}); save it again"
    on_defect(defect)
    return None


def posix_path(text: str) -> str:
    """Convert a path from any system to forward slashes, without redundant dots."""
    return str(PurePosixPath(text.replace("\\", "/")))


def _parse(number: int, line: str) -> Listed | None:
    match line.rsplit(maxsplit=1):
        case [path, label] if label.isascii() and label.isdecimal() and len(label) < 10:
            return Listed(posix_path(path), int(label), number)
    return None


def _require_once(file: Path, items: Sequence[object], on_defect: OnDefect) -> None:
    twice = [item for item, count in Counter(items).items() if count > 1]
    if twice:
        on_defect(f"{file}: expected each identity once, found {some(twice)} more than once; keep one")
