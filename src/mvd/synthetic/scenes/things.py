"""Materials and objects of the scenes.

Infrared values depend on the material, not on the colour: leaves and painted walls reflect; glass, water and asphalt do
not; lamps are warm.
"""

from __future__ import annotations

from mvd.synthetic.people.person import Look
from mvd.synthetic.randomness import Draws
from mvd.synthetic.scenes.stage import Stage

PLASTER = Look((206, 200, 184), 150, 74)
WHITE = Look((232, 232, 226), 190, 78)
WOOD = Look((150, 108, 70), 168, 76)
DARK_WOOD = Look((92, 64, 44), 120, 72)
TILE = Look((172, 170, 164), 110, 66)
TILE_DARK = Look((142, 140, 136), 88, 66)
LAMP = Look((255, 252, 236), 235, 150)
GLASS = Look((164, 192, 206), 46, 48)
METAL = Look((128, 134, 140), 96, 58)
LEAF = Look((74, 112, 52), 205, 58)
LEAF_DARK = Look((48, 82, 40), 165, 54)
BARK = Look((84, 66, 50), 110, 60)
LAWN = Look((108, 140, 66), 190, 56)
STONE = Look((164, 160, 152), 120, 72)
STONE_DARK = Look((138, 134, 126), 100, 70)
ASPHALT = Look((84, 86, 90), 54, 80)
BRICK = Look((158, 94, 72), 136, 76)
SKY = Look((188, 210, 232), 70, 14)
CLOUD = Look((206, 210, 214), 90, 20)
NIGHT = Look((18, 22, 36), 12, 16)
MARBLE = Look((222, 216, 206), 172, 68)
GRANITE = Look((96, 92, 94), 82, 68)
CARPET = Look((66, 98, 104), 150, 74)
CONCRETE = Look((128, 126, 120), 104, 62)
CONCRETE_DARK = Look((98, 96, 92), 82, 60)
YELLOW = Look((214, 176, 52), 196, 64)
EVENING = Look((226, 178, 150), 64, 18)
WATER = Look((70, 96, 118), 26, 34)


def any_look(draws: Draws) -> Look:
    """Draw a random colour and reflectance, for posters, books and cloths."""
    colour = (draws.below(200) + 40, draws.below(200) + 40, draws.below(200) + 40)
    return Look(colour, 60 + draws.below(160), 72)


def draw_table(stage: Stage, x: float, z: float, draws: Draws) -> None:
    """Draw a table with a chair behind it."""
    cloth = any_look(draws)
    stage.box((x - 0.25, x + 0.2), (0.45, 0.5), (z + 0.5, z + 0.95), cloth)
    stage.wall((x - 0.25, x + 0.2), (0.55, 1.0), z + 0.95, cloth, 0.8)
    for leg in (x - 0.72, x + 0.66):
        stage.box((leg, leg + 0.06), (0.0, 0.72), (z, z + 0.06), METAL)
    stage.box((x - 0.75, x + 0.75), (0.72, 0.78), (z, z + 0.7), WOOD)


def draw_shelf(stage: Stage, x: float, z: float, draws: Draws) -> None:
    """Draw a shelf of books."""
    stage.box((x - 0.95, x + 0.95), (0.0, 2.3), (z, z + 0.3), WOOD)
    for k in range(40):
        left, low = x - 0.9 + 0.225 * (k // 5), 0.12 + 0.44 * (k % 5)
        stage.wall((left, left + 0.2), (low, low + draws.between(0.26, 0.38)), z - 0.01, any_look(draws))


def draw_plant(stage: Stage, x: float, z: float, draws: Draws) -> None:
    """Draw a plant in a pot."""
    stage.box((x - 0.25, x + 0.25), (0.0, 0.5), (z, z + 0.4), GRANITE)
    for _ in range(18):
        middle = (x + draws.spread(0.6), 1.05 + draws.spread(0.5), z)
        stage.disc(middle, 0.16, 0.22, draws.pick((LEAF, LEAF_DARK)), draws.between(0.75, 1.05))


def draw_tree(stage: Stage, x: float, z: float, draws: Draws) -> None:
    """Draw a tree."""
    stage.box((x - 0.14, x + 0.14), (0.0, 2.6), (z, z + 0.2), BARK)
    for k in range(46):
        look = LEAF_DARK if k < 20 else draws.pick((LEAF, LEAF, LEAF_DARK))
        middle = (x + draws.spread(1.7), 3.3 + draws.spread(1.4), z)
        stage.disc(middle, draws.between(0.25, 0.5), draws.between(0.2, 0.4), look, draws.between(0.75, 1.1))


def draw_car(stage: Stage, x: float, z: float, draws: Draws) -> None:
    """Draw a car seen from the side; x is its left end."""
    r, g, b = draws.pick(((150, 32, 36), (40, 62, 110), (196, 198, 200), (46, 48, 52), (228, 226, 220)))
    paint = Look((r, g, b), 60 + draws.below(130), 92)
    stage.quad([(x, 0.35, z), (x + 4.2, 0.35, z), (x + 4.2, 0.85, z), (x + 3.3, 0.95, z), (x + 2.8, 1.4, z),
                (x + 1.2, 1.4, z), (x + 0.6, 0.95, z), (x, 0.85, z)], paint)  # fmt: skip
    stage.quad([(x + 0.8, 0.95, z), (x + 3.1, 0.95, z), (x + 2.7, 1.33, z), (x + 1.28, 1.33, z)], GLASS, 0.5)
    for wheel in (x + 0.85, x + 3.3):
        stage.disc((wheel, 0.32, z - 0.02), 0.32, 0.32, Look((30, 30, 32), 40, 110))
        stage.disc((wheel, 0.32, z - 0.03), 0.16, 0.16, METAL)
