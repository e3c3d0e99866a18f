"""RegDB (Nguyen et al., Sensors 2017): scan one of its ten splits, `idx/{train,test}_{visible,thermal}_T.txt`.

The ten trials are ten splits of 412 people into halves, each with its own model. The lists label the people of each
half from 0, so label 0 denotes different people in training and in the test; here

    identity = label + 1                                                    in training
    identity = label + 1 + number of training people (largest label + 1)   in the test

The people of both halves are disjoint. The visible camera is 1, the thermal camera 2. There are no validation people.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from mvd.data.layouts.defects import OnDefect, raise_defect
from mvd.data.layouts.folders import folder_names, require_folder
from mvd.data.layouts.layout import Layout
from mvd.data.layouts.list_files import Listed, read_labelled, require_same_labels
from mvd.data.samples import Dataset, Modality, Row, from_rows, scan_order
from mvd.errors import DatasetError, some
from mvd.files.regular import is_there

TRIALS = range(1, 11)
_PARTS = "Visible, Thermal and idx, the layout of RegDB"

_CAMERAS = {Modality.VISIBLE: 1, Modality.INFRARED: 2}
_LISTS = {Modality.VISIBLE: "visible", Modality.INFRARED: "thermal"}


def scan_regdb(root: Path, trial: int = 1, on_defect: OnDefect = raise_defect) -> Dataset:
    """Scan one trial of a data set in the layout of RegDB.

    Args:
        root: the folder that contains `Visible`, `Thermal` and `idx`.
        trial: number of the split, 1 … 10.
        on_defect: called with each defect; the default raises it as `DatasetError`.
    """
    require_folder(root, _PARTS)
    if trial not in TRIALS:
        raise DatasetError(f"expected a trial of RegDB from 1 to 10, found {trial}; choose one with --trial")
    _require_lists(root, trial, on_defect)
    train, test = ({m: _list(split, m, trial) for m in Modality} for split in ("train", "test"))
    lines = {file: _read(root, file, on_defect) for file in (*train.values(), *test.values())}
    for modality in Modality:
        lines[test[modality]] = _require_apart(root, lines, train[modality], test[modality], on_defect)
    for split in (train, test):
        require_same_labels(root, {file: lines[file] for file in split.values()}, on_defect)
    people = max((listed.label + 1 for file in train.values() for listed in lines[file]), default=0)
    return Dataset(
        name="regdb",
        root=root,
        train=from_rows(sorted(_rows(train, lines, 1), key=scan_order)),
        validation=from_rows([]),
        test=from_rows(sorted(_rows(test, lines, 1 + people), key=scan_order)),
        people_lists=train[Modality.VISIBLE],
        trial=trial,
    )


def _list(split: str, modality: Modality, trial: int) -> str:
    return f"idx/{split}_{_LISTS[modality]}_{trial}.txt"


def _trial_lists(trial: int) -> list[str]:
    return [_list(split, modality, trial) for split in ("train", "test") for modality in Modality]


def _require_lists(root: Path, trial: int, on_defect: OnDefect) -> None:
    missing = [file for file in _trial_lists(trial) if not is_there(root / file)]
    if not missing:
        return
    whole = [other for other in TRIALS if all(is_there(root / file) for file in _trial_lists(other))]
    there = f"; those of trial {', '.join(map(str, whole))} are there" if whole else ""
    on_defect(
        f"{root}: expected the lists of trial {trial}, found no {some(missing)}{there}; copy them from the data "
        f"set or choose another --trial"
    )


def _read(root: Path, file: str, on_defect: OnDefect) -> list[Listed]:
    return read_labelled(root, file, on_defect) if is_there(root / file) else []


def _require_apart(
    root: Path, lines: Mapping[str, Sequence[Listed]], train: str, test: str, on_defect: OnDefect
) -> list[Listed]:
    """Return the test lines without training pictures, which are reported as defects."""
    trained = {listed.path for listed in lines[train]}
    shared = [listed.path for listed in lines[test] if listed.path in trained]
    if shared:
        on_defect(f"{root / test}: expected no picture of {train}, found {some(shared)}; copy the lists again")
    return [listed for listed in lines[test] if listed.path not in trained]


def _rows(files: Mapping[Modality, str], lines: Mapping[str, Iterable[Listed]], first: int) -> Iterator[Row]:
    for modality, file in files.items():
        for listed in lines[file]:
            yield Row(listed.path, first + listed.label, _CAMERAS[modality], modality)


def _recognise(path: Path) -> bool:
    # Two folders are enough, so that the scan can name those that are missing.
    return len({"idx", "Visible", "Thermal"}.intersection(folder_names(path))) >= 2


LAYOUT = Layout("regdb", "RegDB (Visible, Thermal, idx)", _recognise, scan_regdb)
