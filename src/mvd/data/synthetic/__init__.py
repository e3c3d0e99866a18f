"""The synthetic data set: people as parametric figures in drawn scenes, visible and infrared.

It stands in for the real data sets, which need a signed form: for the demo, the tests, and whoever tries the tool.
`SyntheticConfig` says what is rendered, `write_sysu` writes it in the layout of SYSU-MM01, `render` makes one
picture and `contact_sheet` a page of them.
"""

from mvd.data.synthetic.config import Difficulty, SyntheticConfig
from mvd.data.synthetic.picture import render
from mvd.data.synthetic.plan import SYSU_MM01, Plan, even_plan
from mvd.data.synthetic.sheet import contact_sheet
from mvd.data.synthetic.sysu import write_sysu

__all__ = [
    "SYSU_MM01",
    "Difficulty",
    "Plan",
    "SyntheticConfig",
    "contact_sheet",
    "even_plan",
    "render",
    "write_sysu",
]
