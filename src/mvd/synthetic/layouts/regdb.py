"""Layout of RegDB.

Visible/1 …/person_v_0001_1.bmp …     idx/{train,test}_{visible,thermal}_{1 … 10}.txt
Thermal/1 …/person_t_0001_1.bmp …

Each line of a list is a file and a label, from 0 in each split. The ten trials are ten random splits with the plan's
number of training identities.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from mvd.data.samples import Modality
from mvd.synthetic.config import SyntheticConfig
from mvd.synthetic.layouts.layout import Layout, label_pictures, write_lines
from mvd.synthetic.plan import Plan, Shot
from mvd.synthetic.randomness import Draws, Purpose
from mvd.synthetic.rigs import REGDB_RIG

_TRIALS = 10
_NAMES = {Modality.VISIBLE: "Visible", Modality.INFRARED: "Thermal"}


def draw_trial(config: SyntheticConfig, trial: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Draw the training and the test identities of a trial, ascending.

    Args:
        config: the data set.
        trial: 1…10.
    """
    people = config.plan.people
    order = Draws(config.seed, Purpose.TRIAL, picture=trial).permutation(len(people)).tolist()
    drawn = [people[place] for place in order]
    train = len(config.plan.train)
    return tuple(sorted(drawn[:train])), tuple(sorted(drawn[train:]))


def _place(plan: Plan, shot: Shot) -> str:
    name = _NAMES[shot.sensor.modality]
    return f"{name}/{shot.identity}/person_{name[0].lower()}_{shot.number:04d}_{shot.identity}.bmp"


def _write_lists(root: Path, config: SyntheticConfig) -> None:
    folder = root / "idx"
    folder.mkdir()
    for trial in range(1, _TRIALS + 1):
        for split, people in zip(("train", "test"), draw_trial(config, trial), strict=True):
            for modality, name in _NAMES.items():
                lines = label_pictures(config.plan, people, modality, partial(_place, config.plan))
                write_lines(folder / f"{split}_{name.lower()}_{trial}.txt", lines)


REGDB = Layout(name="regdb", rig=REGDB_RIG, place=_place, write_lists=_write_lists)
