"""Recipes side by side: each is summed up, and only what differs is shown."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console

from mvd.config import OptimizerConfig, RunConfig
from mvd.config.recipes import RECIPES, SUMMARIES
from mvd.report.recipes import differing, flatten, recipes_report


def test_only_fields_that_differ_are_compared() -> None:
    one, other = {"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"}
    assert differing([one, other]) == ["b", "c"]


def test_nested_fields_have_dotted_names_and_long_lists_are_cut() -> None:
    assert flatten({"model": {"widths": [1, 2], "many": [1, 2, 3, 4, 5]}}) == {
        "model.widths": "1 2",
        "model.many": "1 2 … 5",
    }


def test_the_report_shows_each_recipe_and_its_difference() -> None:
    base = RunConfig()
    other = replace(base, optimizer=OptimizerConfig(kind="sgd"))
    console = Console(width=100, record=True)
    console.print(recipes_report({"mvd": base, "agw": other}, SUMMARIES))
    text = console.export_text()
    assert SUMMARIES["agw"] in text
    assert "optimizer.kind" in text
    assert "model.arch" not in text
    console.print(recipes_report({"mvd": base}, SUMMARIES))
    assert '"arch": "resnet50"' in console.export_text()


def test_every_recipe_is_summed_up() -> None:
    assert list(RECIPES) == list(SUMMARIES)
