"""An identity: everything about a person that is the same in every picture and for every camera.

Lengths are in metres for a stature of 1.75, in which everybody is drawn: a crop around a person shows proportions, not
size.
"""

from __future__ import annotations

from enum import Enum, IntEnum, auto
from typing import NamedTuple


class Hair(Enum):
    """How hair frames the head."""

    CROPPED = auto()
    SHORT = auto()
    BOB = auto()
    LONG = auto()
    TAIL = auto()
    BUN = auto()
    ROUND = auto()
    BALD = auto()


class Headgear(Enum):
    """What is worn on the head."""

    NONE = auto()
    CAP = auto()
    BEANIE = auto()
    HOOD = auto()
    HAT = auto()


class Pattern(Enum):
    """What is printed or woven into the upper garment."""

    PLAIN = auto()
    HOOPS = auto()
    STRIPES = auto()
    CHECKS = auto()
    YOKE = auto()
    LOGO = auto()
    BELT = auto()


class Bag(Enum):
    """What is carried, and how."""

    NONE = auto()
    BACKPACK = auto()
    SATCHEL = auto()
    HANDBAG = auto()
    CARRIER = auto()
    SUITCASE = auto()


class Material(IntEnum):
    """What a spot of the figure is made of: the values of the label map."""

    NOTHING = 0
    SKIN = 1
    HAIR = 2
    FEATURE = 3
    TOP = 4
    PRINT = 5
    SLEEVE = 6
    INNER = 7
    BOTTOM = 8
    BOTTOM_PRINT = 9
    SHOE = 10
    SOLE = 11
    HEADGEAR = 12
    BAG = 13
    BAG_TRIM = 14
    OCCLUDER = 15
    OCCLUDER_TRIM = 16


class Look(NamedTuple):
    """How a material answers to light: sRGB colour, near-infrared reflectance and apparent heat, each 0…255."""

    colour: tuple[int, int, int]
    infrared: int
    heat: int


class Build(NamedTuple):
    """Proportions: half-widths in metres, shares of the stature, and turns for angles."""

    legs: float
    shoulders: float
    waist: float
    hips: float
    limbs: float
    head: float
    stride: float
    swing: float
    lean: float
    arms_out: float


class Clothes(NamedTuple):
    """Cut of the clothes.

    Attributes:
        hem: end of the upper garment, as a share of the way from hip to ankle; below 0 above the hip.
        sleeve: covered share of the arm.
        bulk: thickness added to the body, metres.
        flare: how much wider a coat or skirt is at its hem than at the hip, metres.
        is_open: whether the front shows what is worn beneath.
        skirt: whether the lower garment is one piece around both legs.
        bottom_hem: end of the lower garment, as a share of the way from hip to ankle.
        bottom_width: half-width of a trouser leg at its hem; of a skirt how much wider it is there, metres.
        boots: covered share of the shin.
        side_stripe: whether trousers have a stripe down their side.
        pattern, period: of the upper garment; metres from one stripe to the next.
    """

    hem: float
    sleeve: float
    bulk: float
    flare: float
    is_open: bool
    skirt: bool
    bottom_hem: float
    bottom_width: float
    boots: float
    side_stripe: bool
    pattern: Pattern
    period: float


class Person(NamedTuple):
    """An identity. `side` is the hand that carries: −1 right, 1 left."""

    build: Build
    clothes: Clothes
    hair: Hair
    headgear: Headgear
    bag: Bag
    bag_size: float
    side: int
    looks: dict[Material, Look]
