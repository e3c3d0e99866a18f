"""Indoor scenes: corridor, room, hall, library, garage; each drawn from far to near."""

from __future__ import annotations

from mvd.synthetic.people.person import Look
from mvd.synthetic.randomness import Draws
from mvd.synthetic.scenes.stage import Stage
from mvd.synthetic.scenes.things import (
    CARPET,
    CONCRETE,
    CONCRETE_DARK,
    DARK_WOOD,
    GLASS,
    GRANITE,
    LAMP,
    MARBLE,
    METAL,
    PLASTER,
    TILE,
    TILE_DARK,
    WHITE,
    WOOD,
    YELLOW,
    any_look,
    draw_car,
    draw_plant,
    draw_shelf,
    draw_table,
)


def draw_corridor(stage: Stage, draws: Draws) -> None:
    """Draw a corridor with doors, lamps, a tiled floor and a window at its end."""
    half, high, far = 2.3, 3.1, 24.0
    stage.backdrop(PLASTER, TILE)
    stage.quad([(-half, high, 1.5), (half, high, 1.5), (half, high, far), (-half, high, far)], WHITE, 0.85)
    for k in range(20):
        for x in range(4):
            tile = TILE if (k + x) % 2 else TILE_DARK
            stage.floor((-half + x * half / 2, -half + (x + 1) * half / 2), (2.5 + 1.1 * k, 3.6 + 1.1 * k), tile)
    stage.wall((-half, half), (0.0, high), far, PLASTER, 0.9)
    stage.wall((-1.2, 1.2), (0.9, 2.6), far, LAMP)
    for edge, light in ((-half, 0.86), (half, 1.0)):
        stage.side(edge, (0.0, high), (1.5, far), PLASTER, light)
        stage.side(edge, (0.0, 0.14), (1.5, far), DARK_WOOD, light)
        stage.side(edge, (0.95, 1.05), (1.5, far), METAL, light)
        for k in range(6):
            start = 3.0 + 3.6 * k + draws.between(0.0, 0.8)
            if draws.chance(0.75):
                stage.side(edge, (0.0, 2.2), (start, start + 1.1), draws.pick((WOOD, DARK_WOOD)), light)
                stage.side(edge, (1.2, 1.9), (start + 0.3, start + 0.8), GLASS, light)
            else:
                stage.side(edge, (1.2, 2.0), (start, start + 1.4), any_look(draws), light)
    for k in range(6):
        start = 3.0 + 3.5 * k
        stage.quad([(-0.5, high - 0.02, start), (0.5, high - 0.02, start), (0.5, high - 0.02, start + 1.2),
                    (-0.5, high - 0.02, start + 1.2)], LAMP)  # fmt: skip


def draw_room(stage: Stage, draws: Draws) -> None:
    """Draw a seminar room with windows, a board, cupboards, tables and chairs."""
    half, high, far = 4.6, 3.2, 11.5
    floor = Look((164, 134, 100), 132, 68)
    plank = Look((150, 120, 88), 118, 68)
    wall = Look((196, 206, 200), 158, 74)
    stage.backdrop(WHITE, floor)
    for k in range(0, 30, 2):
        stage.floor((-half + 0.32 * k, -half + 0.32 * (k + 1)), (2.5, far), plank)
    stage.wall((-half, half), (0.0, high), far, wall)
    stage.wall((-2.4, 1.0), (1.0, 2.5), far, DARK_WOOD)
    stage.wall((-2.3, 0.9), (1.08, 2.42), far, WHITE)
    for _ in range(7):
        x, y = draws.between(-2.2, 0.3), draws.between(1.2, 2.3)
        stage.wall((x, x + draws.between(0.2, 0.6)), (y, y + 0.05), far, any_look(draws))
    for edge, light in ((-half, 1.05), (half, 0.85)):
        stage.side(edge, (0.0, high), (1.5, far), wall, light)
    for k in range(3):
        stage.side(-half, (1.0, 2.7), (3.4 + 2.7 * k, 5.5 + 2.7 * k), LAMP)
        stage.side(-half, (1.0, 2.7), (4.4 + 2.7 * k, 4.5 + 2.7 * k), METAL)
        stage.side(-half, (0.1, 0.75), (3.6 + 2.7 * k, 5.3 + 2.7 * k), Look((214, 214, 208), 170, 128))
    stage.box((2.2, 4.4), (0.0, 2.1), (10.6, 11.4), draws.pick((WOOD, METAL)))
    for z in (10.0, 8.6):
        for x in (-3.6, -1.2, 1.3, 3.2):
            if draws.chance(0.75):
                draw_table(stage, x + draws.spread(0.3), z, draws)


def draw_hall(stage: Stage, draws: Draws) -> None:
    """Draw an entrance hall: large tiles, pillars, a desk, plants, and doors of glass to the light."""
    half, high, far = 6.0, 4.5, 15.0
    stage.backdrop(WHITE, MARBLE)
    for k in range(14):
        z = 2.5 + 0.9 * k
        stage.floor((-half, half), (z, z + 0.14), GRANITE)
    for k in range(-4, 5):
        stage.floor((1.5 * k - 0.08, 1.5 * k + 0.08), (2.5, far), GRANITE)
    stage.wall((-half, half), (0.0, high), far, LAMP, 0.92)
    for k in range(-4, 5):
        stage.wall((1.5 * k - 0.06, 1.5 * k + 0.06), (0.0, high), far, GRANITE)
    for low in (0.0, 2.3):
        stage.wall((-half, half), (low, low + 0.16), far, GRANITE)
    for edge, light in ((-half, 0.8), (half, 0.95)):
        stage.side(edge, (0.0, high), (1.5, far), MARBLE, light)
        stage.side(edge, (0.8, 2.6), (6.0, 9.5), any_look(draws), light)
    desk = draws.between(-4.6, -3.6)
    stage.box((desk, desk + 2.6), (0.0, 1.1), (12.4, 13.2), DARK_WOOD)
    stage.box((desk - 0.05, desk + 2.65), (1.1, 1.16), (12.35, 13.25), MARBLE)
    for x in (-2.9, 0.3, 3.5):
        column = x + draws.spread(0.4)
        stage.box((column - 0.28, column + 0.28), (0.0, high), (10.4, 10.9), MARBLE)
        stage.box((column - 0.31, column + 0.31), (0.0, 0.22), (10.35, 10.4), GRANITE)
    for x in (-5.2, 1.9, 5.1):
        draw_plant(stage, x + draws.spread(0.3), 11.5, draws)


def draw_library(stage: Stage, draws: Draws) -> None:
    """Draw a library: a carpet, shelves full of books along the walls and across, and a table or two."""
    half, high, far = 4.2, 3.0, 11.0
    stage.backdrop(WHITE, CARPET)
    for k in range(9):
        stage.floor((-half, half), (2.5 + k, 2.56 + k), Look((52, 80, 88), 128, 74))
    stage.wall((-half, half), (0.0, high), far, PLASTER)
    for edge, light in ((-half, 0.75), (half, 0.9)):
        stage.side(edge, (0.0, high), (1.5, far), WOOD, light)
        for k in range(70):
            start, low = 2.6 + 0.6 * (k // 5), 0.2 + 0.55 * (k % 5)
            stage.side(edge, (low, low + draws.between(0.3, 0.46)), (start, start + 0.55), any_look(draws), light)
    for x, z in ((-3.9, 10.6), (-1.4, 10.2), (1.1, 10.6), (3.4, 10.2)):
        draw_shelf(stage, x + draws.spread(0.2), z, draws)
    for x in (-2.0, 1.8):
        if draws.chance(0.8):
            draw_table(stage, x + draws.spread(0.5), 8.8, draws)


def draw_garage(stage: Stage, draws: Draws) -> None:
    """Draw an underground garage: painted bays, striped pillars, pipes, lamps and parked cars."""
    half, high, far = 11.0, 2.8, 17.0
    stage.backdrop(CONCRETE_DARK, CONCRETE_DARK)
    stage.wall((-half, half), (0.0, high), far, CONCRETE)
    stage.wall((-half, half), (0.0, 0.5), far, Look((60, 110, 84), 140, 60))
    for k in range(-4, 5):
        lane = 2.6 * k + 0.4
        stage.floor((lane - 0.07, lane + 0.07), (9.6, 15.5), YELLOW)
    for z in (4.4, 6.6, 9.4):
        stage.floor((-half, half), (z, z + 0.12), YELLOW if z > 9 else CONCRETE)
    for x in (-7.4, -2.2, 3.0, 8.2):
        if draws.chance(0.85):
            draw_car(stage, x - 1.6 + draws.spread(0.3), 13.0, draws)
    for x in (-5.0, -0.2, 4.4):
        pillar = x + draws.spread(0.5)
        stage.box((pillar - 0.26, pillar + 0.26), (0.0, high), (9.0, 9.5), CONCRETE)
        for low in (0.2, 0.6, 1.0):
            stage.wall((pillar - 0.26, pillar + 0.26), (low, low + 0.2), 8.99, YELLOW)
    for k in range(5):
        z = 4.0 + 2.6 * k
        stage.quad([(-0.9, high, z), (0.9, high, z), (0.9, high, z + 0.25), (-0.9, high, z + 0.25)], LAMP)
    for x in (-3.4, 2.6):
        stage.quad([(x, high - 0.1, 2.0), (x + 0.2, high - 0.1, 2.0), (x + 0.2, high - 0.1, far),
                    (x, high - 0.1, far)], METAL)  # fmt: skip
