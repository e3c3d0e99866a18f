"""More varied people than the demo's: any build, and clothes of any shade, mostly dark and plain.

Each starts as a person of casting.py. Some attributes are drawn again, to resemble a crowd on a street: colours from a
continuous distribution instead of a palette, mostly dark or grey; few patterns; many people without a bag or hat.
"""

from __future__ import annotations

from functools import lru_cache

from mvd.config.difficulty import Difficulty
from mvd.synthetic.people.casting import draw_person
from mvd.synthetic.people.person import Bag, Build, Clothes, Headgear, Look, Material, Pattern, Person
from mvd.synthetic.randomness import Draws, Purpose

_START = Difficulty()
# Ranges of hue, saturation and value.
_BLACK = ((0.0, 1.0), (0.0, 0.25), (0.04, 0.22))
_GREY = ((0.0, 1.0), (0.0, 0.12), (0.22, 0.68))
_WHITE = ((0.0, 1.0), (0.0, 0.08), (0.74, 0.98))
_NAVY = ((0.58, 0.68), (0.3, 0.8), (0.13, 0.4))
_DENIM = ((0.56, 0.64), (0.2, 0.6), (0.3, 0.75))
_EARTH = ((0.03, 0.22), (0.15, 0.6), (0.18, 0.8))
_VIVID = ((0.0, 1.0), (0.4, 0.9), (0.25, 0.9))
_PALE = ((0.0, 1.0), (0.1, 0.4), (0.6, 0.95))
_SHADES = (_BLACK, _GREY, _WHITE, _NAVY, _DENIM, _EARTH, _VIVID, _PALE)
# How often each shade is worn.
_TOPS = (26, 14, 9, 11, 5, 13, 16, 6)
_BOTTOMS = (30, 14, 4, 14, 20, 11, 5, 2)
_SHOES = (45, 12, 18, 3, 0, 14, 8, 0)
_BAGS = (40, 13, 3, 10, 2, 16, 14, 2)
_HAIRS = ((20, 17, 17), (48, 34, 26), (92, 64, 40), (160, 124, 78), (206, 176, 120), (150, 148, 145), (214, 212, 208))
_SKINS = ((240, 204, 178), (226, 182, 150), (198, 146, 110), (156, 106, 76), (100, 66, 48), (66, 44, 34))


@lru_cache(maxsize=256)
def draw_varied_person(seed: int, identity: int) -> Person:
    """Draw the attributes of an identity, which are the same in all of its pictures."""
    start = draw_person(seed, _START, identity)
    draws = Draws(seed, Purpose.VARIED_PERSON, identity=identity)
    return start._replace(
        build=_vary_build(start.build, draws),
        clothes=_vary_clothes(start.clothes, draws),
        headgear=start.headgear if draws.chance(0.55) else Headgear.NONE,
        bag=start.bag if draws.chance(0.65) else Bag.NONE,
        bag_size=draws.between(0.65, 1.4),
        looks=_vary_looks(start.looks, draws),
    )


def _vary_build(build: Build, draws: Draws) -> Build:
    stout = 1 + draws.spread(0.22)
    return build._replace(
        legs=build.legs + draws.spread(0.015),
        shoulders=build.shoulders * (1 + draws.spread(0.12)) * (0.6 + 0.4 * stout),
        waist=build.waist * (1 + draws.spread(0.12)) * stout,
        hips=build.hips * (1 + draws.spread(0.1)) * (0.4 + 0.6 * stout),
        limbs=build.limbs * (1 + draws.spread(0.15)) * (0.5 + 0.5 * stout),
        head=build.head * (1 + draws.spread(0.1)),
        lean=build.lean + draws.spread(0.012),
    )


def _vary_clothes(clothes: Clothes, draws: Draws) -> Clothes:
    return clothes._replace(
        bulk=clothes.bulk * draws.between(0.7, 1.7),
        flare=clothes.flare * draws.between(0.5, 1.5),
        hem=clothes.hem + draws.spread(0.05),
        bottom_hem=min(1.0, clothes.bottom_hem * draws.between(0.92, 1.06)),
        bottom_width=clothes.bottom_width * draws.between(0.8, 1.3),
        side_stripe=clothes.side_stripe and draws.chance(0.5),
        pattern=clothes.pattern if draws.chance(0.5) else Pattern.PLAIN,
        period=draws.between(0.04, 0.2),
    )


def _vary_looks(start: dict[Material, Look], draws: Draws) -> dict[Material, Look]:
    """Draw colours, reflectances and heat again, independently of each other."""

    def cloth(material: Material, weights: tuple[int, ...]) -> Look:
        hue, saturation, value = draws.weigh(tuple(zip(_SHADES, weights, strict=True)))
        colour = _hsv(draws.between(*hue), draws.between(*saturation), draws.between(*value))
        return Look(colour, _bounded(draws.between(20, 245)), _bounded(start[material].heat + draws.spread(40)))

    def tone(material: Material, tones: tuple[tuple[int, int, int], ...], infrared: tuple[int, int]) -> Look:
        one, other, share = draws.pick(tones), draws.pick(tones), 0.35 * draws.unit()
        light = 1 + draws.spread(0.15)
        r, g, b = (_bounded(light * (x + share * (y - x))) for x, y in zip(one, other, strict=True))
        return Look((r, g, b), _bounded(draws.between(*infrared)), start[material].heat)

    top, bottom = cloth(Material.TOP, _TOPS), cloth(Material.BOTTOM, _BOTTOMS)
    bag, skin = cloth(Material.BAG, _BAGS), tone(Material.SKIN, _SKINS, (185, 228))
    faint = draws.chance(0.25)  # a print that hardly shows
    return {
        Material.SKIN: skin,
        Material.HAIR: tone(Material.HAIR, _HAIRS, (40, 190)),
        Material.FEATURE: skin._replace(colour=_scaled(skin.colour, 0.35), infrared=70),
        Material.TOP: top,
        Material.PRINT: _near(top, draws) if faint else cloth(Material.PRINT, _TOPS),
        Material.SLEEVE: top if draws.chance(0.8) else cloth(Material.SLEEVE, _TOPS),
        Material.INNER: cloth(Material.INNER, _TOPS),
        Material.BOTTOM: bottom,
        Material.BOTTOM_PRINT: cloth(Material.BOTTOM_PRINT, _TOPS),
        Material.SHOE: cloth(Material.SHOE, _SHOES),
        Material.SOLE: start[Material.SOLE],
        Material.HEADGEAR: cloth(Material.HEADGEAR, _TOPS),
        Material.BAG: bag,
        Material.BAG_TRIM: bag._replace(colour=_scaled(bag.colour, draws.between(0.4, 1.4))),
    }


def _hsv(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    """Convert hue, saturation and value (0…1) to sRGB."""

    def channel(offset: float) -> int:
        k = (offset + 6 * hue) % 6
        return _bounded(255 * value * (1 - saturation * max(0.0, min(k, 4 - k, 1.0))))

    return channel(5), channel(3), channel(1)


def _near(look: Look, draws: Draws) -> Look:
    shift = draws.pick((-1, 1)) * draws.between(8, 24)
    r, g, b = (_bounded(value + shift) for value in look.colour)
    return look._replace(colour=(r, g, b), infrared=_bounded(look.infrared + draws.spread(20)))


def _scaled(colour: tuple[int, int, int], factor: float) -> tuple[int, int, int]:
    r, g, b = (_bounded(factor * value) for value in colour)
    return r, g, b


def _bounded(value: float) -> int:
    return min(250, max(4, round(value)))
