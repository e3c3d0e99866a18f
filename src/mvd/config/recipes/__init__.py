"""Recipes: complete configurations by name, each with the source of its numbers."""

from mvd.config.recipes.named import (
    AGW,
    BASELINE,
    CAJ,
    DEMO,
    MVD,
    MVD_CVPR21,
    MVD_MINDSPORE,
    RECIPES,
    SUMMARIES,
    RecipeName,
    name_recipe,
    nearest_recipe,
    resolve_config,
    resolve_model,
)
from mvd.config.recipes.strong import MVD_STRONG, MVD_STRONG_SMALL

__all__ = [
    "AGW",
    "BASELINE",
    "CAJ",
    "DEMO",
    "MVD",
    "MVD_CVPR21",
    "MVD_MINDSPORE",
    "MVD_STRONG",
    "MVD_STRONG_SMALL",
    "RECIPES",
    "SUMMARIES",
    "RecipeName",
    "name_recipe",
    "nearest_recipe",
    "resolve_config",
    "resolve_model",
]
