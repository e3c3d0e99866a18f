"""An identity: all attributes of a person that are the same in every picture and for every camera.

Lengths are in metres for a stature of 1.75. Everybody is drawn with this stature, since a crop around a person shows
proportions, not size.
"""

from __future__ import annotations

from enum import Enum, IntEnum, auto
from typing import NamedTuple


class Hair(Enum):
    """Hair style."""

    CROPPED = auto()
    SHORT = auto()
    BOB = auto()
    LONG = auto()
    TAIL = auto()
    BUN = auto()
    ROUND = auto()
    BALD = auto()


class Headgear(Enum):
    """Headgear."""

    NONE = auto()
    CAP = auto()
    BEANIE = auto()
    HOOD = auto()
    HAT = auto()


class Pattern(Enum):
    """Pattern of the upper garment."""

    PLAIN = auto()
    HOOPS = auto()
    STRIPES = auto()
    CHECKS = auto()
    YOKE = auto()
    LOGO = auto()
    BELT = auto()


class Bag(Enum):
    """Carried object."""

    NONE = auto()
    BACKPACK = auto()
    SATCHEL = auto()
    HANDBAG = auto()
    CARRIER = auto()
    SUITCASE = auto()


class Material(IntEnum):
    """Materials of the figure: the values of the label map."""

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
    """Appearance of a material: sRGB colour, near-infrared reflectance and apparent heat, each 0…255."""

    colour: tuple[int, int, int]
    infrared: int
    heat: int


class Build(NamedTuple):
    """Body proportions: half-widths in metres, fractions of the stature, and angles in turns."""

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
        hem: end of the upper garment, as a fraction of the way from hip to ankle; negative values are above the hip.
        sleeve: covered fraction of the arm.
        bulk: thickness added to the body, in metres.
        flare: extra width of a coat or skirt at its hem, in metres.
        is_open: whether the garment is open in front.
        skirt: whether the lower garment is a skirt.
        bottom_hem: end of the lower garment, as a fraction of the way from hip to ankle.
        bottom_width: half-width of a trouser leg, or extra width of a skirt, at its hem, in metres.
        boots: covered fraction of the shin.
        side_stripe: whether trousers have side stripes.
        pattern, period: pattern of the upper garment, and its period in metres.
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
    """An identity. `side` is the carrying hand: −1 right, 1 left."""

    build: Build
    clothes: Clothes
    hair: Hair
    headgear: Headgear
    bag: Bag
    bag_size: float
    side: int
    looks: dict[Material, Look]
