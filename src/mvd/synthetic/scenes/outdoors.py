"""Outdoor scenes: courtyard, street, night garden, waterside; each drawn from far to near."""

from __future__ import annotations

from mvd.synthetic.people.person import Look
from mvd.synthetic.randomness import Draws
from mvd.synthetic.scenes.stage import Stage
from mvd.synthetic.scenes.things import (
    ASPHALT,
    BRICK,
    CLOUD,
    DARK_WOOD,
    EVENING,
    GLASS,
    GRANITE,
    LAMP,
    LAWN,
    LEAF,
    LEAF_DARK,
    METAL,
    NIGHT,
    PLASTER,
    SKY,
    STONE,
    STONE_DARK,
    WATER,
    WHITE,
    WOOD,
    any_look,
    draw_car,
    draw_tree,
)


def draw_courtyard(stage: Stage, draws: Draws) -> None:
    """Draw a sunny courtyard: a brick house, a lawn, trees and a paved way."""
    stage.backdrop(SKY, STONE)
    stage.wall((-30.0, 30.0), (0.0, 9.0), 24.0, BRICK)
    for floor in range(3):
        for k in range(-7, 8):
            x, y = 1.9 * k + 0.3, 0.9 + 2.8 * floor
            stage.wall((x - 0.6, x + 0.6), (y - 0.08, y + 1.7), 24.0, WHITE)
            stage.wall((x - 0.5, x + 0.5), (y, y + 1.6), 24.0, GLASS, draws.between(0.7, 1.05))
    stage.floor((-30.0, 30.0), (13.0, 23.5), LAWN)
    for k in range(16):
        for x in range(-6, 6):
            look = STONE if (k + x) % 2 else STONE_DARK
            stage.floor((1.0 * x, 1.0 * x + 0.97), (2.5 + 0.65 * k, 3.13 + 0.65 * k), look)
    for x in (-7.5, -3.2, 2.4, 6.8):
        draw_tree(stage, x + draws.spread(0.8), draws.between(13.5, 18.0), draws)
    for x in (-2.6, 1.6):
        if draws.chance(0.8):
            stage.box((x, x + 1.6), (0.4, 0.5), (12.0, 12.5), WOOD)
            stage.wall((x, x + 1.6), (0.6, 0.95), 12.5, WOOD, 0.9)


def draw_street(stage: Stage, draws: Draws) -> None:
    """Draw a street under clouds: shop fronts, parked cars, a kerb and a lamp post."""
    stage.backdrop(CLOUD, Look((150, 152, 154), 104, 76))
    for k in range(-4, 5):
        x = 3.8 * k
        front = draws.pick((PLASTER, BRICK, STONE, Look((120, 132, 150), 112, 70), Look((188, 170, 120), 150, 74)))
        stage.wall((x, x + 3.8), (0.0, 8.0), 18.0, front, draws.between(0.75, 1.0))
        stage.wall((x + 0.3, x + 3.5), (0.4, 2.5), 18.0, GLASS, draws.between(0.35, 0.7))
        stage.wall((x + 0.2, x + 3.6), (2.5, 3.1), 18.0, any_look(draws))
        stage.wall((x + 2.5, x + 3.4), (0.0, 2.3), 18.0, DARK_WOOD)
    stage.floor((-30.0, 30.0), (10.0, 15.5), ASPHALT)
    stage.floor((-30.0, 30.0), (9.8, 10.0), STONE, 0.1)
    for k in range(-8, 8):
        stage.floor((2.0 * k, 2.0 * k + 1.0), (12.6, 12.8), WHITE)
    for x in (-7.6, -2.4, 2.9):
        if draws.chance(0.85):
            draw_car(stage, x + draws.spread(0.6), 13.4, draws)
    for k in range(9):
        stage.floor((-12.0, 12.0), (3.0 + 0.8 * k, 3.04 + 0.8 * k), STONE_DARK)
    for k in range(-12, 12):
        stage.quad([(k - 0.02, 0.0, 2.0), (k + 0.02, 0.0, 2.0), (k + 0.02, 0.0, 9.8), (k - 0.02, 0.0, 9.8)], STONE_DARK)
    for x in (-4.4, 0.6, 4.8):
        post = x + draws.spread(0.5)
        stage.box((post - 0.06, post + 0.06), (0.0, 5.0), (9.5, 9.6), METAL)


def draw_garden(stage: Stage, draws: Draws) -> None:
    """Draw a garden at night: a hedge, trees, a fence and a path."""
    stage.backdrop(NIGHT, LAWN)
    stage.wall((-6.0, 5.0), (0.0, 5.0), 26.0, PLASTER)
    for k in range(4):
        stage.wall((-5.0 + 2.6 * k, -3.9 + 2.6 * k), (1.2, 2.8), 26.0, GLASS)
    stage.floor((-2.4, 2.4), (2.5, 22.0), Look((150, 146, 136), 128, 64))
    for k in range(14):
        z = 3.0 + 1.2 * k
        stage.floor((-2.4, 2.4), (z, z + 0.07), STONE_DARK)
    for k in range(-16, 17):
        x = 0.75 * k
        stage.box((x, x + 0.09), (0.0, 1.2), (14.0, 14.05), WOOD)
    stage.wall((-12.0, 12.0), (0.85, 0.95), 14.0, WOOD)
    for x in (-6.5, -3.6, 3.4, 6.2):
        draw_tree(stage, x + draws.spread(0.7), draws.between(10.0, 16.0), draws)
    for k in range(60):
        x = draws.between(2.5, 4.6) * (1 if k % 2 else -1)
        z = 12.0 - 0.13 * k
        stage.disc((x, draws.between(0.1, 0.6), z), 0.35, 0.3, draws.pick((LEAF, LEAF_DARK)), draws.between(0.7, 1.0))


def draw_waterside(stage: Stage, draws: Draws) -> None:
    """Draw a promenade by a river in the evening: planks, a railing, water, and the houses beyond."""
    plank = Look((146, 118, 94), 136, 60)
    stage.backdrop(EVENING, WATER)
    for k in range(-8, 9):
        x, front = 5.5 * k + draws.spread(1.0), draws.pick((PLASTER, BRICK, STONE_DARK))
        stage.wall((x, x + draws.between(3.5, 5.2)), (0.0, draws.between(4.0, 8.5)), 60.0, front, 0.6)
        if draws.chance(0.6):
            stage.wall((x + 0.8, x + 1.6), (2.0, 3.2), 60.0, LAMP)
    for _ in range(40):
        x, z = draws.between(-22.0, 22.0), draws.between(11.0, 45.0)
        stage.floor((x, x + 0.05 * z), (z, z + 0.3), draws.pick((GLASS, WATER, EVENING)))
    stage.floor((-30.0, 30.0), (2.0, 10.0), plank)
    for k in range(14):
        z = 2.5 + 0.54 * k
        stage.floor((-30.0, 30.0), (z, z + 0.05), DARK_WOOD)
    for y in (0.3, 0.62, 1.02):
        stage.wall((-30.0, 30.0), (y, y + 0.05), 9.9, METAL)
    for k in range(-7, 8):
        stage.box((1.6 * k - 0.04, 1.6 * k + 0.04), (0.0, 1.07), (9.86, 9.9), METAL)
    for x in (-4.6, 3.4):
        bench = x + draws.spread(0.6)
        stage.box((bench, bench + 1.5), (0.38, 0.46), (9.0, 9.4), WOOD)
        stage.wall((bench, bench + 1.5), (0.55, 0.85), 9.4, WOOD, 0.9)
    lamp = draws.between(-1.2, 1.2)
    stage.box((lamp - 0.05, lamp + 0.05), (0.0, 3.6), (9.5, 9.6), GRANITE)
    stage.disc((lamp, 3.7, 9.5), 0.2, 0.16, LAMP)
