"""Layout of LLCM.

vis, nir/0001 …/c1_0001.jpg …     idx/train_{vis,nir}.txt: a file and a label from 0 per line
test_vis, test_nir/cam1 … cam9/0005 …/0001.jpg …     idx/test_id.txt
"""

from __future__ import annotations

from pathlib import Path

from mvd.data.samples import Modality
from mvd.synthetic.config import SyntheticConfig
from mvd.synthetic.layouts.layout import Layout, label_pictures, write_ids, write_lines
from mvd.synthetic.plan import Plan, Shot
from mvd.synthetic.rigs import LLCM_RIG

_NAMES = {Modality.VISIBLE: "vis", Modality.INFRARED: "nir"}


def _place(plan: Plan, shot: Shot) -> str:
    if shot.identity in plan.train:
        return _place_trained(shot)
    folder = f"test_{_NAMES[shot.sensor.modality]}/cam{shot.sensor.camera}"
    return f"{folder}/{shot.identity:04d}/{shot.number:04d}.jpg"


def _place_trained(shot: Shot) -> str:
    return f"{_NAMES[shot.sensor.modality]}/{shot.identity:04d}/c{shot.sensor.camera}_{shot.number:04d}.jpg"


def _write_lists(root: Path, config: SyntheticConfig) -> None:
    plan, folder = config.plan, root / "idx"
    folder.mkdir()
    for modality, name in _NAMES.items():
        write_lines(folder / f"train_{name}.txt", label_pictures(plan, plan.train, modality, _place_trained))
    write_ids(folder / "test_id.txt", plan.test)


LLCM = Layout(name="llcm", rig=LLCM_RIG, place=_place, write_lists=_write_lists)
