"""MindSpore and PyTorch compute the same: one pass over the same pictures with the same weights, and its gradient."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from parity import Differences, compare, compare_exactly, small

from mvd.config.recipes import BASELINE, MVD, RECIPES

pytestmark = pytest.mark.mindspore


_ALLOWED = Differences(outputs=1e-4, terms=1e-5, gradients=1e-3, statistics=1e-5, descriptors=1e-4)


def check(found: Differences, most: Differences = _ALLOWED) -> None:
    for name, allowed in most._asdict().items():
        assert getattr(found, name) < allowed, name


@pytest.mark.parametrize("recipe", ["mvd", "mvd-mindspore", "mvd-cvpr21", "baseline", "demo"])
def test_recipes_step_by_step(recipe: str) -> None:
    check(compare(small(RECIPES[recipe]), graph=False))


@pytest.mark.parametrize("recipe", ["mvd", "baseline", pytest.param("mvd-cvpr21", marks=pytest.mark.slow)])
def test_recipes_compiled(recipe: str) -> None:
    check(compare(small(RECIPES[recipe]), graph=True))


@pytest.mark.parametrize(
    "fields",
    [
        {"non_local": True, "pooling": "gem", "descriptor_neck": "before"},
        {"channel_attention": True, "padding": "same", "last_stride": 2},
        {"bottleneck": False, "neck_bias": True, "metric_neck": "before"},
        {"bottleneck": False, "encoders": "shared", "descriptor_norm": "whole", "third_norm": "mindspore"},
        {"descriptor": "both", "descriptor_norm": "whole", "shared_first": "grey"},
    ],
    ids=lambda fields: "-".join(map(str, fields.values())),
)
def test_every_field_of_the_network(fields: dict[str, Any]) -> None:
    # The other losses are not there in every network, and have tests of their own.
    found = compare(replace(small(MVD, **fields), losses=BASELINE.losses), graph=False)
    # A non-local block's last convolution has one input, and a norm divides by its scale: in exact arithmetic it has no
    # gradient, so its layer is all rounding errors.
    check(found, _ALLOWED._replace(gradients=1e-2) if fields.get("non_local") else _ALLOWED)


@pytest.mark.parametrize("base_width", [4, pytest.param(64, marks=pytest.mark.slow)])
def test_resnet50_is_as_exact_as_in_pytorch(base_width: int) -> None:
    fields = {"arch": "resnet50", "base_width": base_width}
    config = small(MVD, **fields) if base_width < 64 else replace(MVD, model=replace(MVD.model, dropout=0.0))
    found, own = compare_exactly(config)
    for name, allowed in _ALLOWED._asdict().items():
        assert getattr(found, name) < max(3 * getattr(own, name), allowed), name
