"""Synthetic data set: rendered people as parametric figures in drawn scenes, visible and infrared.

It stands in for the real data sets, which need a signed form, in the demo and the tests. `SyntheticConfig` configures
it, `write_dataset` writes it in one of `LAYOUTS`, `render` makes one picture and `contact_sheet` a page of them.
"""

from mvd.config.difficulty import Difficulty
from mvd.synthetic.cameras import Camera, Rig, Sensor
from mvd.synthetic.config import SyntheticConfig
from mvd.synthetic.layouts import LAYOUTS, LayoutName
from mvd.synthetic.originals import LLCM, REGDB, SYSU_MM01
from mvd.synthetic.picture import render
from mvd.synthetic.plan import Plan, even_plan
from mvd.synthetic.rigs import LLCM_RIG, REGDB_RIG, SYSU_RIG, VARIED_RIG
from mvd.synthetic.sheet import contact_sheet
from mvd.synthetic.writing import write_dataset

__all__ = [
    "LAYOUTS",
    "LLCM",
    "LLCM_RIG",
    "REGDB",
    "REGDB_RIG",
    "SYSU_MM01",
    "SYSU_RIG",
    "VARIED_RIG",
    "Camera",
    "Difficulty",
    "LayoutName",
    "Plan",
    "Rig",
    "Sensor",
    "SyntheticConfig",
    "contact_sheet",
    "even_plan",
    "render",
    "write_dataset",
]
