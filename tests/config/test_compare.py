"""Configurations field by field: dotted names, fields that differ, and the nearest recipe."""

from __future__ import annotations

from dataclasses import replace

from mvd.config import EpochSchedule, RunConfig
from mvd.config.compare import config_fields, differing, flatten
from mvd.config.recipes import RECIPES, nearest_recipe


def test_only_fields_that_differ_are_named() -> None:
    assert differing([{"a": 1, "b": "2"}, {"a": 1, "b": "3", "c": 4}]) == ["b", "c"]


def test_nested_fields_have_dotted_names_and_lists_are_whole() -> None:
    values = {"model": {"widths": [1, 2], "many": [1, 2, 3, 4, 5]}, "seed": 3, "on": True, "none": None}
    expected = {"model.widths": "1 2", "model.many": "1 2 3 4 5", "seed": 3, "on": True, "none": "None"}
    assert flatten(values) == expected
    assert flatten({"losses": {"total": 0.5}}, separator="/") == {"losses/total": 0.5}


def test_long_lists_that_differ_in_their_middle_differ() -> None:
    schedule = RECIPES["mvd-mindspore"].schedule
    assert isinstance(schedule, EpochSchedule)
    other = replace(schedule, milestones=(*schedule.milestones[:5], *schedule.milestones[6:]))
    fields = [config_fields(replace(RunConfig(), schedule=one)) for one in (schedule, other)]
    assert differing(fields) == ["schedule.milestones"]


def test_the_nearest_recipe_ignores_how_a_run_is_computed() -> None:
    for name, recipe in RECIPES.items():
        same = replace(recipe, seed=9, runtime=replace(recipe.runtime, device="cpu"))
        assert nearest_recipe(same) == (name, 0)
        assert nearest_recipe(replace(same, optimizer=replace(recipe.optimizer, lr=0.123)))[1] == 1
