"""Recipes side by side: each is summed up, and only what differs is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from mvd.config import OptimizerConfig, RunConfig
from mvd.config.recipes import RECIPES, SUMMARIES
from mvd.reporting.recipes import recipes_report


def test_the_report_shows_each_recipe_and_its_difference() -> None:
    base = RunConfig()
    other = replace(base, optimizer=OptimizerConfig(kind="sgd"))
    console = Console(width=100, record=True)
    console.print(recipes_report({"mvd": base, "agw": other}, SUMMARIES))
    text = console.export_text()
    assert SUMMARIES["agw"] in text
    lines = [line.split() for line in text.splitlines()]
    assert lines[lines.index(["optimizer"]) + 1] == ["kind", "adam", "sgd"]
    assert "arch" not in text
    console.print(recipes_report({"mvd": base}, SUMMARIES))
    assert '"arch": "resnet50"' in console.export_text()


@pytest.mark.parametrize("width", [80, 100])
def test_all_recipes_fit_the_screen_without_a_broken_word(width: int) -> None:
    console = Console(width=width, record=True)
    console.print(recipes_report(RECIPES, SUMMARIES))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    words = set(text.split())
    for word in (
        "validation",
        "mindspore",
        "mvd-cvpr21",
        "resnet50",
        "standard",
        "encoder_lr_scale",
        "released",
        "Cosine",
    ):
        assert word in words, word


def test_a_cell_is_blank_where_a_recipe_has_the_value_of_the_first() -> None:
    console = Console(width=100, record=True)
    console.print(recipes_report({name: RECIPES[name] for name in ("mvd", "baseline", "agw")}, SUMMARIES))
    lines = [line.split() for line in console.export_text().splitlines()]
    assert ["encoders", "mvd", "shared", "shared"] in lines
    assert ["non_local", "False", "True"] in lines


def test_every_recipe_is_summed_up() -> None:
    assert list(RECIPES) == list(SUMMARIES)
