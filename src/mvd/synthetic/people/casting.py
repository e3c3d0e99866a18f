"""Sample identities: body, gait, clothes, hair and carried objects.

These are visible in both modalities. Colour and infrared reflectance are drawn independently for each material: black
cotton may be bright in the near infrared, and white nylon dark, so one does not predict the other. A pattern has its
own contrast in the infrared; some patterns vanish.
"""

from __future__ import annotations

from functools import lru_cache

from mvd.config.difficulty import Difficulty
from mvd.synthetic.people.person import Bag, Build, Clothes, Hair, Headgear, Look, Material, Pattern, Person
from mvd.synthetic.randomness import Draws, Purpose

_NEUTRAL = ((24, 25, 28), (34, 36, 42), (56, 58, 64), (92, 94, 98), (150, 152, 155), (228, 228, 224), (240, 234, 220),
            (30, 40, 70), (44, 58, 96), (110, 92, 70), (186, 168, 136), (66, 70, 54))  # fmt: skip
_BRIGHT = ((52, 84, 140), (118, 160, 204), (34, 84, 66), (92, 114, 62), (150, 176, 120), (122, 28, 36), (190, 46, 48),
           (222, 136, 142), (226, 180, 78), (206, 112, 56), (92, 62, 112), (64, 142, 148))  # fmt: skip
_DENIM_AND_DARK = (
    (26, 27, 30),
    (40, 46, 66),
    (58, 78, 116),
    (96, 122, 158),
    (70, 70, 74),
    (142, 124, 96),
    (60, 66, 50),
)
_SKIN = ((236, 196, 168), (224, 178, 144), (198, 146, 110), (158, 106, 76), (108, 70, 50))
_HAIR = ((22, 18, 18), (22, 18, 18), (44, 30, 22), (84, 56, 34), (150, 112, 66), (150, 146, 140))
_SHOE = ((28, 28, 30), (236, 236, 234), (92, 62, 42), (150, 40, 44), (60, 70, 96))
_BAG = ((24, 24, 28), (44, 54, 84), (150, 40, 42), (120, 84, 52), (70, 92, 70), (200, 186, 150), (90, 92, 98))
_WARM, _COOL = 235, 52


@lru_cache(maxsize=64)
def draw_person(seed: int, difficulty: Difficulty, identity: int) -> Person:
    """Draw the attributes of an identity, which are the same in all of its pictures."""
    draws = Draws(seed, Purpose.PERSON, identity=identity)
    slender = draws.unit()  # leans build, clothes and hair to one side together, as they do in a crowd
    variety = difficulty.variety
    build = _build(draws, slender, variety)
    clothes = _clothes(draws, slender, variety)
    hair, headgear = _head(draws, slender, variety)
    bag = draws.weigh(((Bag.NONE, 24), (Bag.BACKPACK, 22), (Bag.SATCHEL, 18), (Bag.HANDBAG, 10 + 8 * slender),
                       (Bag.CARRIER, 8), (Bag.SUITCASE, 8)))  # fmt: skip
    if not draws.chance(variety):
        bag = Bag.NONE
    return Person(
        build=build,
        clothes=clothes,
        hair=hair,
        headgear=headgear,
        bag=bag,
        bag_size=draws.between(0.8, 1.25),
        side=draws.pick((-1, 1)),
        looks=_looks(draws, difficulty.print_in_infrared),
    )


def _build(draws: Draws, slender: float, variety: float) -> Build:
    def around(middle: float, size: float) -> float:
        return middle + variety * draws.spread(size)

    girth = around(1.0, 0.34)
    return Build(
        legs=around(0.505, 0.035),
        shoulders=around(0.225 - 0.035 * slender, 0.025) * (0.7 + 0.3 * girth),
        waist=around(0.158 - 0.025 * slender, 0.012) * girth,
        hips=around(0.165 + 0.012 * slender, 0.014) * (0.4 + 0.6 * girth),
        limbs=around(1.0 - 0.12 * slender, 0.06) * (0.45 + 0.55 * girth),
        head=around(1.0, 0.08),
        stride=around(0.062, 0.022),
        swing=around(0.055, 0.04),
        lean=around(0.012, 0.02),
        arms_out=around(0.022, 0.014),
    )


def _clothes(draws: Draws, slender: float, variety: float) -> Clothes:
    hem, sleeve, bulk, flare, is_open = draws.weigh((
        ((0.02, 0.3, 0.008, 0.0, False), 24),  # T-shirt
        ((0.0, 0.05, 0.004, 0.0, False), 4 + 8 * slender),  # sleeveless
        ((0.05, 1.0, 0.012, 0.0, False), 18),  # shirt or pullover
        ((0.04, 1.0, 0.03, 0.0, True), 14),  # open jacket
        ((-0.02, 1.0, 0.045, 0.0, False), 8),  # down jacket
        ((0.3, 1.0, 0.03, 0.03, False), 8),  # short coat
        ((0.58, 1.0, 0.032, 0.06, True), 9),  # long coat, open
        ((0.2, 0.6, 0.012, 0.03, False), 4 + 8 * slender),  # tunic
        ((0.48, 0.28, 0.008, 0.1, False), 14 * slender),  # dress
    ))  # fmt: skip
    skirt, bottom_hem, bottom_width = draws.weigh((
        ((False, 1.0, 0.055), 22),  # slim trousers
        ((False, 0.98, 0.085), 18),  # straight
        ((False, 0.96, 0.13), 8),  # wide
        ((False, 0.78, 0.075), 6),  # cropped
        ((False, 0.42, 0.11), 14),  # shorts
        ((True, 0.34, 0.05), 14 * slender),  # short skirt
        ((True, 0.56, 0.045), 10 * slender),  # to the knee
        ((True, 0.88, 0.07), 9 * slender),  # long
    ))  # fmt: skip
    pattern = draws.weigh(((Pattern.PLAIN, 20), (Pattern.HOOPS, 16), (Pattern.STRIPES, 9), (Pattern.CHECKS, 11),
                           (Pattern.YOKE, 13), (Pattern.LOGO, 15), (Pattern.BELT, 10)))  # fmt: skip
    keeps = draws.chance(variety)
    return Clothes(
        hem=hem + draws.spread(0.04) if keeps else 0.02,
        sleeve=sleeve if keeps else 0.3,
        bulk=bulk * draws.between(0.8, 1.3),
        flare=flare * draws.between(0.7, 1.5),
        is_open=is_open and keeps,
        skirt=skirt and keeps,
        bottom_hem=bottom_hem * draws.between(0.94, 1.02) if keeps else 1.0,
        bottom_width=bottom_width * (draws.between(0.5, 1.7) if skirt else draws.between(0.9, 1.1)) if keeps else 0.07,
        boots=draws.weigh(((0.0, 70), (0.35, 12), (0.75, 10))),
        side_stripe=draws.chance(0.18),
        pattern=pattern if draws.chance(variety) else Pattern.PLAIN,
        period=draws.pick((0.07, 0.11, 0.17)) * draws.between(0.9, 1.1),
    )


def _head(draws: Draws, slender: float, variety: float) -> tuple[Hair, Headgear]:
    long = 3 + 22 * slender
    hair = draws.weigh(((Hair.CROPPED, 14 - 9 * slender), (Hair.SHORT, 34 - 24 * slender), (Hair.BOB, long),
                        (Hair.LONG, 1.3 * long), (Hair.TAIL, long), (Hair.BUN, 0.6 * long), (Hair.ROUND, 7),
                        (Hair.BALD, 6 - 6 * slender)))  # fmt: skip
    headgear = draws.weigh(((Headgear.NONE, 66), (Headgear.CAP, 11), (Headgear.BEANIE, 8), (Headgear.HOOD, 9),
                            (Headgear.HAT, 6)))  # fmt: skip
    return (hair, headgear) if draws.chance(variety) else (Hair.SHORT, Headgear.NONE)


def _looks(draws: Draws, print_in_infrared: float) -> dict[Material, Look]:
    """Draw colour and infrared reflectance of each material, independently."""

    def tint(colours: tuple[tuple[int, int, int], ...], infrared: tuple[int, int], heat: int) -> Look:
        base = draws.pick(colours)
        r, g, b = (min(255, max(0, round(value + draws.spread(16)))) for value in base)
        return Look((r, g, b), round(draws.between(*infrared)), heat + round(draws.spread(12)))

    def cloth(bright: float, infrared: tuple[int, int], heat: int) -> Look:
        return tint(_BRIGHT if draws.chance(bright) else _NEUTRAL, infrared, heat)

    top = cloth(0.45, (50, 235), 118)
    bottom = cloth(0.3, (40, 225), 112) if draws.chance(0.4) else tint(_DENIM_AND_DARK, (40, 225), 112)
    bottom = _infrared_apart(bottom, top)
    print_ = _apart(cloth(0.5, (0, 1), 108), top)
    bottom_print = _apart(cloth(0.5, (0, 1), 106), bottom)
    sleeve = top if draws.chance(0.7) else cloth(0.45, (50, 235), 118)
    looks = {
        Material.SKIN: tint(_SKIN, (196, 220), _WARM),
        Material.HAIR: tint(_HAIR, (52, 150), 150),
        Material.TOP: top,
        Material.PRINT: print_._replace(infrared=_print_infrared(draws, top, print_in_infrared)),
        Material.SLEEVE: sleeve,
        Material.INNER: cloth(0.4, (50, 235), 140),
        Material.BOTTOM: bottom,
        Material.BOTTOM_PRINT: bottom_print._replace(infrared=_print_infrared(draws, bottom, print_in_infrared)),
        Material.SHOE: tint(_SHOE, (40, 220), 84),
        Material.HEADGEAR: cloth(0.4, (50, 230), 120),
        Material.BAG: tint(_BAG, (30, 215), _COOL + 16),
    }
    looks[Material.BAG] = _infrared_apart(looks[Material.BAG], top)
    skin, bag = looks[Material.SKIN], looks[Material.BAG]
    r, g, b = skin.colour
    looks[Material.FEATURE] = Look((r // 3, g // 3, b // 3), 70, _WARM - 20)
    looks[Material.SOLE] = Look((206, 204, 198) if draws.chance(0.4) else (36, 34, 34), 120, _COOL)
    r, g, b = bag.colour
    looks[Material.BAG_TRIM] = Look((r // 2, g // 2, b // 2), (bag.infrared + 128) % 256 // 2 + 40, _COOL + 6)
    return looks


def _apart(look: Look, other: Look) -> Look:
    """Lighten or darken a colour until its grey value differs enough from its neighbour's."""
    mine, theirs = _grey(look), _grey(other)
    if abs(mine - theirs) >= 45:
        return look
    shift = theirs + (70 if theirs < 128 else -70) - mine
    r, g, b = (min(250, max(5, round(value + shift))) for value in look.colour)
    return look._replace(colour=(r, g, b))


def _grey(look: Look) -> float:
    r, g, b = look.colour
    return 0.299 * r + 0.587 * g + 0.114 * b


def _infrared_apart(look: Look, other: Look) -> Look:
    """Move a reflectance away from its neighbour's if it is close, so that the outline shows in the infrared."""
    if abs(look.infrared - other.infrared) >= 45:
        return look
    return look._replace(infrared=other.infrared + (60 if other.infrared < 140 else -60))


def _print_infrared(draws: Draws, cloth: Look, probability: float) -> int:
    """Draw a print's reflectance: clearly different from its cloth's with this probability, else nearly equal."""
    contrast = draws.between(70, 120) if draws.chance(probability) else draws.between(0, 14)
    return round(cloth.infrared - contrast if cloth.infrared > 140 else cloth.infrared + contrast)
