"""Synthetic data sets: parametric human figures rendered in drawn scenes, visible and infrared.

They replace the real data sets, which require a signed agreement, in the demo and the tests. `SyntheticConfig` is the
configuration, `write_dataset` writes a data set in one of `LAYOUTS`, `render` renders one picture, and `contact_sheet`
renders an overview.
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
