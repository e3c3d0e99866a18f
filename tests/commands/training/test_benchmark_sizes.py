"""The configurations of the benchmark's sizes: what all rows share, and equal arithmetic."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mvd.commands.training.benchmark import budgeted, sized
from mvd.config.recipes import RECIPES

# Multiply-adds of ResNet-18 of width 16 at 96 × 48, counted by hand: up to stage 3, and stage 4 at 3 × 2 positions.
FIRST, LAST = 10_082_304, 3_145_728


@pytest.mark.parametrize("name", list(RECIPES))
def test_every_recipe_has_the_same_arithmetic(name: str) -> None:
    config = budgeted(sized(name, "small"), "small")
    passes: float = 4 if config.model.encoders == "mvd" else 1
    if config.model.trunk:
        assert config.model.trunk == 3
        passes = (2 * FIRST + 4 * LAST) / (FIRST + LAST)
    rows = config.augment.streams * config.sampling.identities * config.sampling.pictures
    steps = config.sampling.steps_per_epoch * config.schedule.epochs
    assert abs(passes * rows * steps / 576_000 - 1) < 0.02
    common = (config.data, config.sampling.identities, config.sampling.pictures, config.model.base_width)
    mvd_like = budgeted(sized("mvd", "small"), "small")
    assert common == (mvd_like.data, 16, 2, 16)
    assert replace(config.optimizer, ema=0) == mvd_like.optimizer
    assert config.schedule == mvd_like.schedule
    # What makes the method is the recipe's.
    assert config.losses == replace(RECIPES[name].losses, unit_features=True)
    assert config.model.encoders == RECIPES[name].model.encoders
    assert config.augment.streams == RECIPES[name].augment.streams


def test_cheaper_passes_and_larger_maps_are_counted() -> None:
    mvd_twin = sized("mvd", "small")
    cases: list[tuple[dict[str, Any], float]] = [
        ({"trunk": 3}, (2 * FIRST + 4 * LAST) / (FIRST + LAST)),
        ({"last_stride": 1}, 4 * (FIRST + 3 * LAST) / (FIRST + LAST)),  # 6 × 3 positions
    ]
    for fields, passes in cases:
        config = budgeted(replace(mvd_twin, model=replace(mvd_twin.model, **fields)), "small")
        assert abs(passes * 64 * 15 * config.sampling.steps_per_epoch / 576_000 - 1) < 0.01


def test_recipes_are_as_they_are_at_full_size_but_hold_the_validation_people_out() -> None:
    config = budgeted(sized("agw", "full"), "full")
    assert config.data.train_on == "train"
    assert replace(config, data=RECIPES["agw"].data, runtime=RECIPES["agw"].runtime) == RECIPES["agw"]


def test_the_small_recipe_is_the_small_twin_without_erasing_and_crops() -> None:
    twin = sized("mvd-strong", "small")
    assert (twin.augment.erase, twin.augment.pad) != (0, 0)
    assert sized("mvd-strong-small", "small") == replace(twin, augment=replace(twin.augment, erase=0.0, pad=0))
