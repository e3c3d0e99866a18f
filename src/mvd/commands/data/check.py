"""`mvd check`: report all defects of a data set at once, and whether it is ready for training and testing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mvd.commands.data.training_data import rehearse_validation
from mvd.commands.results.evaluate import prepare_test
from mvd.data.checking.check import Inspection, Purpose, check_dataset
from mvd.data.prepared.arrays import default_folder
from mvd.data.prepared.prepare import rehearse_preparing
from mvd.data.progress import Progress
from mvd.errors import DatasetError, MvdError


def check(data: str | Path, *, trial: int = 1, workers: int = 0, progress: Progress | None = None) -> Inspection:
    """Decode every picture of a data set and collect all defects.

    Without defects, validation, test and preparation are rehearsed too.

    Args:
        data: folder of the data set, or CSV table of own pictures.
        trial: RegDB's split, 1 … 10; ignored elsewhere.
        workers: workers that decode pictures; 0 means one per core.
        progress: called with (pictures done, total pictures).
    """
    inspection = check_dataset(data, trial=trial, workers=workers, progress=progress)
    dataset = inspection.dataset
    if dataset is None or inspection.defects:  # its tables lack the defective parts
        return inspection
    defects, notes, ready = list(inspection.defects), list(inspection.notes), list[Purpose]()
    rehearsals: list[tuple[Purpose, int, Callable[[], object]]] = [
        ("train", len(dataset.train), lambda: rehearse_validation(dataset, dataset.validation)),
        ("test", len(dataset.test), lambda: prepare_test(dataset)),
    ]
    for purpose, pictures, rehearse in rehearsals:
        if not pictures:
            continue
        try:
            rehearse()
            ready.append(purpose)
        except MvdError as error:
            defects.append(str(error))
    if "train" in ready:
        try:
            rehearse_preparing(dataset, default_folder(dataset))
            ready.append("prepare")
        except DatasetError as error:
            notes.append(str(error))
    if not len(dataset.test):
        notes.append(f"no people to test on in {dataset.people_lists}: train with --evaluate none")
    return replace(
        inspection, defects=tuple(dict.fromkeys(defects)), notes=tuple(notes), ready=() if defects else tuple(ready)
    )
