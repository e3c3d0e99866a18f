"""The two layouts for own pictures, with any cameras.

Folders, without camera labels; a person's pictures of one modality are numbered consecutively:

    visible, infrared/0001 …/0001.jpg …     {train,val,test}_id.txt

A table, samples.csv, with the columns path, identity, camera, modality and split:

    pictures/0001 …/visible_1_0001.jpg …

Identities in no split are in no list; in the table their split is empty.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from mvd.synthetic.config import SyntheticConfig
from mvd.synthetic.layouts.layout import Layout, write_ids
from mvd.synthetic.plan import Plan, Shot
from mvd.synthetic.rigs import SYSU_RIG

_TABLE = "samples.csv"


def _place_in_folder(plan: Plan, shot: Shot) -> str:
    modality, number = shot.sensor.modality, shot.number
    for sensor, count in plan.counts[shot.identity].items():
        if sensor == shot.sensor:
            break
        number += count * (sensor.modality is modality)
    return f"{modality.name.lower()}/{shot.identity:04d}/{number:04d}.jpg"


def _write_folder_lists(root: Path, config: SyntheticConfig) -> None:
    plan = config.plan
    for name, identities in (("train", plan.train), ("val", plan.validation), ("test", plan.test)):
        # As the folders are called, though numbers would do.
        write_ids(root / f"{name}_id.txt", (f"{identity:04d}" for identity in identities))


def _place_in_table(plan: Plan, shot: Shot) -> str:
    camera, modality = shot.sensor
    return f"pictures/{shot.identity:04d}/{modality.name.lower()}_{camera}_{shot.number:04d}.jpg"


def _write_table(root: Path, config: SyntheticConfig) -> None:
    plan = config.plan
    named = (("train", plan.train), ("validation", plan.validation), ("test", plan.test))
    splits = {identity: name for name, identities in named for identity in identities}
    with (root / _TABLE).open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("path", "identity", "camera", "modality", "split"))
        for identity in plan.people:
            for shot in plan.shots(identity):
                camera, modality = shot.sensor
                path = _place_in_table(plan, shot)
                writer.writerow((path, identity, camera, modality.name.lower(), splits.get(identity, "")))


FOLDER = Layout(
    name="folder",
    rig=SYSU_RIG,
    any_rig=True,
    validates=True,
    spares=True,
    place=_place_in_folder,
    write_lists=_write_folder_lists,
)
CSV = replace(FOLDER, name="csv", place=_place_in_table, write_lists=_write_table, data=_TABLE)
