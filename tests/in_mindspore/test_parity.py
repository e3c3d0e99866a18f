"""MindSpore and PyTorch compute the same: one pass over the same pictures with the same weights, and its gradient."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from parity import Differences, compare, small

from mvd.config import LossConfig
from mvd.config.recipes import MVD, RECIPES

pytestmark = pytest.mark.mindspore


def check(found: Differences) -> None:
    assert found.outputs < 1e-4
    assert found.terms < 1e-5
    assert found.gradients < 1e-3
    assert found.statistics < 1e-5
    assert found.descriptors < 1e-4


@pytest.mark.parametrize("recipe", ["mvd", "mvd-mindspore", "mvd-cvpr21", "baseline", "demo"])
def test_recipes_step_by_step(recipe: str) -> None:
    check(compare(small(RECIPES[recipe]), graph=False))


@pytest.mark.parametrize("recipe", ["mvd", "mvd-cvpr21"])
def test_recipes_compiled(recipe: str) -> None:
    check(compare(small(RECIPES[recipe]), graph=True))


@pytest.mark.parametrize(
    "fields",
    [
        {"non_local": True, "pooling": "gem", "descriptor_neck": "before"},
        {"channel_attention": True, "padding": "same", "last_stride": 2, "arch": "resnet50"},
        {"bottleneck": False, "neck_bias": True, "metric_neck": "before"},
        {"bottleneck": False, "encoders": "shared", "descriptor_norm": "whole", "third_norm": "mindspore"},
        {"descriptor": "both", "descriptor_norm": "whole", "shared_first": "grey"},
    ],
    ids=lambda fields: "-".join(map(str, fields.values())),
)
def test_every_field_of_the_network(fields: dict[str, Any]) -> None:
    bare = LossConfig(vsd_weight=0, vcd_weight=0, vml_weight=0)
    config = small(MVD, **fields)
    if fields.get("bottleneck") is False:
        config = replace(config, losses=bare)
    check(compare(config, graph=False))


@pytest.mark.slow
def test_the_published_width_of_resnet50() -> None:
    check(compare(replace(MVD, model=replace(MVD.model, dropout=0.0)), graph=False))
