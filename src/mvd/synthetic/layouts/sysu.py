"""Layout of SYSU-MM01.

cam1 … cam6/0001 …/0001.jpg …     exp/{train,val,test,available}_id.txt     exp/rand_perm_cam.mat
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from mvd.data.galleries.official import Permutations, save_permutations
from mvd.synthetic.config import SyntheticConfig
from mvd.synthetic.layouts.layout import Layout, write_ids
from mvd.synthetic.plan import Plan, Shot
from mvd.synthetic.randomness import Draws, Purpose
from mvd.synthetic.rigs import SYSU_RIG

_RUNS = 10  # of the official protocol


def draw_galleries(config: SyntheticConfig) -> Permutations:
    """Draw ten random permutations of each identity's pictures for each camera."""
    orders: dict[tuple[int, int], npt.NDArray[np.int64]] = {}
    for identity, seen in config.plan.counts.items():
        for (camera, _), count in seen.items():
            draws = Draws(config.seed, Purpose.GALLERY, identity=identity, camera=camera)
            orders[camera, identity] = np.stack([draws.permutation(count) + 1 for _ in range(_RUNS)])
    return Permutations(orders=orders)


def _place(plan: Plan, shot: Shot) -> str:
    return f"cam{shot.sensor.camera}/{shot.identity:04d}/{shot.number:04d}.jpg"


def _write_lists(root: Path, config: SyntheticConfig) -> None:
    plan, folder = config.plan, root / "exp"
    folder.mkdir()
    available = sorted(plan.train + plan.validation + plan.test)
    for name, ids in (("train", plan.train), ("val", plan.validation), ("test", plan.test), ("available", available)):
        write_ids(folder / f"{name}_id.txt", ids)
    save_permutations(folder / "rand_perm_cam.mat", draw_galleries(config))


SYSU = Layout(name="sysu", rig=SYSU_RIG, validates=True, spares=True, place=_place, write_lists=_write_lists)
