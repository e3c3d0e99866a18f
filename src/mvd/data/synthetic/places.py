"""The five places: a corridor, a room, a courtyard, a street, a garden at night.

Each is drawn from the far end to the near one. Colours are what a person would see; the infrared values follow
from the matter: leaves and painted walls reflect, glass, water and asphalt do not, lamps are warm.
"""

from __future__ import annotations

from mvd.data.synthetic.person import Look
from mvd.data.synthetic.randomness import Draws
from mvd.data.synthetic.stage import Stage

_PLASTER = Look((206, 200, 184), 150, 74)
_WHITE = Look((232, 232, 226), 190, 78)
_WOOD = Look((150, 108, 70), 168, 76)
_DARK_WOOD = Look((92, 64, 44), 120, 72)
_TILE = Look((172, 170, 164), 110, 66)
_TILE_DARK = Look((142, 140, 136), 88, 66)
_LAMP = Look((255, 252, 236), 235, 150)
_GLASS = Look((164, 192, 206), 46, 48)
_METAL = Look((128, 134, 140), 96, 58)
_LEAF = Look((74, 112, 52), 205, 58)
_LEAF_DARK = Look((48, 82, 40), 165, 54)
_BARK = Look((84, 66, 50), 110, 60)
_LAWN = Look((108, 140, 66), 190, 56)
_STONE = Look((164, 160, 152), 120, 72)
_STONE_DARK = Look((138, 134, 126), 100, 70)
_ASPHALT = Look((84, 86, 90), 54, 80)
_BRICK = Look((158, 94, 72), 136, 76)
_SKY = Look((188, 210, 232), 70, 14)
_CLOUD = Look((206, 210, 214), 90, 20)
_NIGHT = Look((18, 22, 36), 12, 16)


def draw_corridor(stage: Stage, draws: Draws) -> None:
    """Draw a corridor with doors, lamps, a tiled floor and a window at its end."""
    half, high, far = 2.3, 3.1, 24.0
    stage.backdrop(_PLASTER, _TILE)
    stage.quad([(-half, high, 1.5), (half, high, 1.5), (half, high, far), (-half, high, far)], _WHITE, 0.85)
    for k in range(20):
        for x in range(4):
            tile = _TILE if (k + x) % 2 else _TILE_DARK
            stage.floor((-half + x * half / 2, -half + (x + 1) * half / 2), (2.5 + 1.1 * k, 3.6 + 1.1 * k), tile)
    stage.wall((-half, half), (0.0, high), far, _PLASTER, 0.9)
    stage.wall((-1.2, 1.2), (0.9, 2.6), far, _LAMP)
    for edge, light in ((-half, 0.86), (half, 1.0)):
        stage.side(edge, (0.0, high), (1.5, far), _PLASTER, light)
        stage.side(edge, (0.0, 0.14), (1.5, far), _DARK_WOOD, light)
        stage.side(edge, (0.95, 1.05), (1.5, far), _METAL, light)
        for k in range(6):
            start = 3.0 + 3.6 * k + draws.between(0.0, 0.8)
            if draws.chance(0.75):
                stage.side(edge, (0.0, 2.2), (start, start + 1.1), draws.pick((_WOOD, _DARK_WOOD)), light)
                stage.side(edge, (1.2, 1.9), (start + 0.3, start + 0.8), _GLASS, light)
            else:
                stage.side(edge, (1.2, 2.0), (start, start + 1.4), _poster(draws), light)
    for k in range(6):
        start = 3.0 + 3.5 * k
        stage.quad([(-0.5, high - 0.02, start), (0.5, high - 0.02, start), (0.5, high - 0.02, start + 1.2),
                    (-0.5, high - 0.02, start + 1.2)], _LAMP)  # fmt: skip


def draw_room(stage: Stage, draws: Draws) -> None:
    """Draw a seminar room with windows, a board, cupboards, tables and chairs."""
    half, high, far = 4.6, 3.2, 11.5
    floor = Look((164, 134, 100), 132, 68)
    plank = Look((150, 120, 88), 118, 68)
    wall = Look((196, 206, 200), 158, 74)
    stage.backdrop(_WHITE, floor)
    for k in range(0, 30, 2):
        stage.floor((-half + 0.32 * k, -half + 0.32 * (k + 1)), (2.5, far), plank)
    stage.wall((-half, half), (0.0, high), far, wall)
    stage.wall((-2.4, 1.0), (1.0, 2.5), far, _DARK_WOOD)
    stage.wall((-2.3, 0.9), (1.08, 2.42), far, _WHITE)
    for _ in range(7):
        x, y = draws.between(-2.2, 0.3), draws.between(1.2, 2.3)
        stage.wall((x, x + draws.between(0.2, 0.6)), (y, y + 0.05), far, _poster(draws))
    for edge, light in ((-half, 1.05), (half, 0.85)):
        stage.side(edge, (0.0, high), (1.5, far), wall, light)
    for k in range(3):
        stage.side(-half, (1.0, 2.7), (3.4 + 2.7 * k, 5.5 + 2.7 * k), _LAMP)
        stage.side(-half, (1.0, 2.7), (4.4 + 2.7 * k, 4.5 + 2.7 * k), _METAL)
        stage.side(-half, (0.1, 0.75), (3.6 + 2.7 * k, 5.3 + 2.7 * k), Look((214, 214, 208), 170, 128))
    stage.box((2.2, 4.4), (0.0, 2.1), (10.6, 11.4), draws.pick((_WOOD, _METAL)))
    for z in (10.0, 8.6):
        for x in (-3.6, -1.2, 1.3, 3.2):
            if draws.chance(0.75):
                _draw_table(stage, x + draws.spread(0.3), z, draws)


def draw_courtyard(stage: Stage, draws: Draws) -> None:
    """Draw a sunny courtyard: a brick house, a lawn, trees and a paved way."""
    stage.backdrop(_SKY, _STONE)
    stage.wall((-30.0, 30.0), (0.0, 9.0), 24.0, _BRICK)
    for floor in range(3):
        for k in range(-7, 8):
            x, y = 1.9 * k + 0.3, 0.9 + 2.8 * floor
            stage.wall((x - 0.6, x + 0.6), (y - 0.08, y + 1.7), 24.0, _WHITE)
            stage.wall((x - 0.5, x + 0.5), (y, y + 1.6), 24.0, _GLASS, draws.between(0.7, 1.05))
    stage.floor((-30.0, 30.0), (13.0, 23.5), _LAWN)
    for k in range(16):
        for x in range(-6, 6):
            look = _STONE if (k + x) % 2 else _STONE_DARK
            stage.floor((1.0 * x, 1.0 * x + 0.97), (2.5 + 0.65 * k, 3.13 + 0.65 * k), look)
    for x in (-7.5, -3.2, 2.4, 6.8):
        _draw_tree(stage, x + draws.spread(0.8), draws.between(13.5, 18.0), draws)
    for x in (-2.6, 1.6):
        if draws.chance(0.8):
            stage.box((x, x + 1.6), (0.4, 0.5), (12.0, 12.5), _WOOD)
            stage.wall((x, x + 1.6), (0.6, 0.95), 12.5, _WOOD, 0.9)


def draw_street(stage: Stage, draws: Draws) -> None:
    """Draw a street under clouds: shop fronts, parked cars, a kerb and a lamp post."""
    stage.backdrop(_CLOUD, Look((150, 152, 154), 104, 76))
    for k in range(-4, 5):
        x = 3.8 * k
        front = draws.pick((_PLASTER, _BRICK, _STONE, Look((120, 132, 150), 112, 70), Look((188, 170, 120), 150, 74)))
        stage.wall((x, x + 3.8), (0.0, 8.0), 18.0, front, draws.between(0.75, 1.0))
        stage.wall((x + 0.3, x + 3.5), (0.4, 2.5), 18.0, _GLASS, draws.between(0.35, 0.7))
        stage.wall((x + 0.2, x + 3.6), (2.5, 3.1), 18.0, _poster(draws))
        stage.wall((x + 2.5, x + 3.4), (0.0, 2.3), 18.0, _DARK_WOOD)
    stage.floor((-30.0, 30.0), (10.0, 15.5), _ASPHALT)
    stage.floor((-30.0, 30.0), (9.8, 10.0), _STONE, 0.1)
    for k in range(-8, 8):
        stage.floor((2.0 * k, 2.0 * k + 1.0), (12.6, 12.8), _WHITE)
    for x in (-7.6, -2.4, 2.9):
        if draws.chance(0.85):
            _draw_car(stage, x + draws.spread(0.6), 13.4, draws)
    for k in range(9):
        stage.floor((-12.0, 12.0), (3.0 + 0.8 * k, 3.04 + 0.8 * k), _STONE_DARK)
    for k in range(-12, 12):
        stage.quad(
            [(k - 0.02, 0.0, 2.0), (k + 0.02, 0.0, 2.0), (k + 0.02, 0.0, 9.8), (k - 0.02, 0.0, 9.8)], _STONE_DARK
        )
    for x in (-4.4, 0.6, 4.8):
        post = x + draws.spread(0.5)
        stage.box((post - 0.06, post + 0.06), (0.0, 5.0), (9.5, 9.6), _METAL)


def draw_garden(stage: Stage, draws: Draws) -> None:
    """Draw a garden at night: a hedge, trees, a fence and a path."""
    stage.backdrop(_NIGHT, _LAWN)
    stage.wall((-6.0, 5.0), (0.0, 5.0), 26.0, _PLASTER)
    for k in range(4):
        stage.wall((-5.0 + 2.6 * k, -3.9 + 2.6 * k), (1.2, 2.8), 26.0, _GLASS)
    stage.floor((-2.4, 2.4), (2.5, 22.0), Look((150, 146, 136), 128, 64))
    for k in range(14):
        z = 3.0 + 1.2 * k
        stage.floor((-2.4, 2.4), (z, z + 0.07), _STONE_DARK)
    for k in range(-16, 17):
        x = 0.75 * k
        stage.box((x, x + 0.09), (0.0, 1.2), (14.0, 14.05), _WOOD)
    stage.wall((-12.0, 12.0), (0.85, 0.95), 14.0, _WOOD)
    for x in (-6.5, -3.6, 3.4, 6.2):
        _draw_tree(stage, x + draws.spread(0.7), draws.between(10.0, 16.0), draws)
    for k in range(60):
        x = draws.between(2.5, 4.6) * (1 if k % 2 else -1)
        z = 12.0 - 0.13 * k
        stage.disc((x, draws.between(0.1, 0.6), z), 0.35, 0.3, draws.pick((_LEAF, _LEAF_DARK)), draws.between(0.7, 1.0))


def _poster(draws: Draws) -> Look:
    colour = (draws.below(200) + 40, draws.below(200) + 40, draws.below(200) + 40)
    return Look(colour, 60 + draws.below(160), 72)


def _draw_table(stage: Stage, x: float, z: float, draws: Draws) -> None:
    cloth = _poster(draws)
    stage.box((x - 0.25, x + 0.2), (0.45, 0.5), (z + 0.5, z + 0.95), cloth)
    stage.wall((x - 0.25, x + 0.2), (0.55, 1.0), z + 0.95, cloth, 0.8)
    for leg in (x - 0.72, x + 0.66):
        stage.box((leg, leg + 0.06), (0.0, 0.72), (z, z + 0.06), _METAL)
    stage.box((x - 0.75, x + 0.75), (0.72, 0.78), (z, z + 0.7), _WOOD)


def _draw_tree(stage: Stage, x: float, z: float, draws: Draws) -> None:
    stage.box((x - 0.14, x + 0.14), (0.0, 2.6), (z, z + 0.2), _BARK)
    for k in range(46):
        look = _LEAF_DARK if k < 20 else draws.pick((_LEAF, _LEAF, _LEAF_DARK))
        middle = (x + draws.spread(1.7), 3.3 + draws.spread(1.4), z)
        stage.disc(middle, draws.between(0.25, 0.5), draws.between(0.2, 0.4), look, draws.between(0.75, 1.1))


def _draw_car(stage: Stage, x: float, z: float, draws: Draws) -> None:
    r, g, b = draws.pick(((150, 32, 36), (40, 62, 110), (196, 198, 200), (46, 48, 52), (228, 226, 220)))
    paint = Look((r, g, b), 60 + draws.below(130), 92)
    stage.quad([(x, 0.35, z), (x + 4.2, 0.35, z), (x + 4.2, 0.85, z), (x + 3.3, 0.95, z), (x + 2.8, 1.4, z),
                (x + 1.2, 1.4, z), (x + 0.6, 0.95, z), (x, 0.85, z)], paint)  # fmt: skip
    stage.quad([(x + 0.8, 0.95, z), (x + 3.1, 0.95, z), (x + 2.7, 1.33, z), (x + 1.28, 1.33, z)], _GLASS, 0.5)
    for wheel in (x + 0.85, x + 3.3):
        stage.disc((wheel, 0.32, z - 0.02), 0.32, 0.32, Look((30, 30, 32), 40, 110))
        stage.disc((wheel, 0.32, z - 0.03), 0.16, 0.16, _METAL)
