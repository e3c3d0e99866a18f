"""File layouts of data sets: recognised by the names in a folder, and scanned into tables.

A layout is one file here and one line in `LAYOUTS`; a custom layout needs neither (`register`, `scan(..., layout=)`).
Names are case-sensitive, even on file systems that ignore case.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mvd.data.layouts import llcm, own_folder, own_table, regdb, sysu
from mvd.data.layouts.defects import OnDefect, raise_defect
from mvd.data.layouts.folders import file_names, folder_names, require_utf8
from mvd.data.layouts.layout import Layout
from mvd.data.samples import Dataset
from mvd.errors import DatasetError, explain, some
from mvd.files.names import escaped, is_utf8
from mvd.files.regular import is_folder, is_there

LAYOUTS = [sysu.LAYOUT, regdb.LAYOUT, llcm.LAYOUT, own_folder.LAYOUT, own_table.LAYOUT]
"""The first layout that recognises a path scans it."""


def scan(
    data: Path | str,
    *,
    trial: int = 1,
    on_defect: OnDefect = raise_defect,
    layout: Callable[[Path], Dataset] | None = None,
) -> Dataset:
    """Scan a data set into tables of samples.

    Args:
        data: folder of the data set, or CSV table of own pictures.
        trial: RegDB's split, 1 … 10; ignored elsewhere.
        on_defect: called with each defect as one line; the default raises it.
        layout: a custom scan function, for an unsupported layout.

    Raises:
        DatasetError: the path does not exist or has an unknown layout; or there is a defect, unless `on_defect` handles
            it.
    """
    data = Path(data)
    require_utf8(data.parent, [data.name], raise_defect)
    try:
        if layout is not None:
            dataset = layout(data)
        elif (found := _recognise(data)) is not None:
            dataset = found.scan(data, trial, on_defect)
        else:
            raise _unknown(data)
    except OSError as error:
        raise DatasetError(str(explain(error))) from error
    require_utf8(dataset.root, [*dataset.names.values(), *_paths(dataset)], raise_defect)  # for custom layouts
    return dataset


def register(
    name: str, scan: Callable[[Path], Dataset], recognise: Callable[[Path], bool], description: str = ""
) -> None:
    """Register a custom layout, so that every function and command of this process recognises and scans it.

    Args:
        name: name of the layout; a layout of the same name is replaced.
        scan: path → `Dataset`, whose `name` selects its protocols ("own", unless it has those of a benchmark). Raises
            `DatasetError` on a defect.
        recognise: returns whether a path is such a data set; called before the built-in layouts are tried.
        description: description for messages; by default the name.

    Example:
        >>> from mvd.data import Dataset, Modality, Row, from_rows
        >>> def scan_pairs(path):
        ...     rows = [Row(f"{n}-{m.name}.png", n, 0, m) for n in (1, 2) for m in Modality]
        ...     return Dataset(name="own", root=path, train=from_rows([]), validation=from_rows([]),
        ...                    test=from_rows(rows), people_lists="nothing")
        >>> register("pairs", scan_pairs, lambda path: path.suffix == ".pairs")
        >>> scan("people.pairs").test.people.tolist()
        [1, 2]
        >>> LAYOUTS.pop(0).name
        'pairs'
    """
    LAYOUTS[:] = [layout for layout in LAYOUTS if layout.name != name]
    LAYOUTS.insert(0, Layout(name, description or name, recognise, lambda path, trial, on_defect: scan(path)))


def _paths(dataset: Dataset) -> list[str]:
    return [path for table in (dataset.train, dataset.validation, dataset.test) for path in table.paths.tolist()]


def _recognise(data: Path) -> Layout | None:
    return next((layout for layout in LAYOUTS if layout.recognise(data)), None)


def _is_known(path: Path) -> bool:
    try:
        return is_utf8(path.name) and _recognise(path) is not None
    except (DatasetError, OSError):  # permission denied
        return False


def _unknown(data: Path) -> DatasetError:
    """Describe what was found instead of a data set, and where a data set may be."""
    *others, last = (layout.description for layout in LAYOUTS)
    known = f"{', '.join(others)} or {last}"
    if not is_there(data):
        return DatasetError(
            f"{data}: expected a data set's folder or CSV table, found none; check the path to the data"
        )
    if not is_folder(data):
        return DatasetError(f"{data}: expected a data set's folder or a CSV table, found another file; give {known}")
    folders, files = folder_names(data), file_names(data)
    nearby = [str(data / name) for name in (*folders, *files) if _is_known(data / name)]
    remedy = f"did you mean {' or '.join(nearby[:3])}?" if nearby else "check the path and the spelling of the folders"
    found = [*map(escaped, folders), *(f"{escaped(name)} (a file)" for name in files)]
    return DatasetError(f"{data}: expected {known}, found {some(found) or 'an empty folder'}; {remedy}")
