"""Where a network looks, on networks whose gaze is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mvd.config import DataConfig, ModelConfig, RunConfig, RuntimeConfig
from mvd.inference.heatmaps import heatmaps, similarity_maps
from mvd.models.factory import build_network


class OneSided(nn.Module):
    """An encoder whose map has the colours of the left half, and nothing of the right."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, images: Tensor) -> Tensor:
        colours = nn.functional.avg_pool2d(images.square(), 8)
        left = torch.arange(colours.shape[3]) < colours.shape[3] // 2
        return colours * left * self.scale[:, None, None]


@pytest.mark.parametrize("flip", [False, True])
def test_the_map_is_where_the_encoder_looks(tiny: ModelConfig, flip: bool) -> None:
    config = replace(tiny, bottleneck=False, descriptor_flip=flip)
    network = build_network(config, 3, OneSided).eval()
    torch.manual_seed(0)
    maps = similarity_maps(network, torch.randn(2, 3, 64, 64), torch.tensor([1, 0]), torch.tensor([0, 1]))
    assert maps.shape == (2, 64, 64)
    assert maps.amax(dim=(1, 2)).tolist() == pytest.approx([1, 1])
    assert maps.min() >= 0
    assert maps[..., 40:].max() == 0


@pytest.mark.parametrize("stems", [None, "shared", "specific"])
def test_maps_of_a_run_are_the_same_again(tiny: ModelConfig, stems: Literal["shared", "specific"] | None) -> None:
    model = tiny if stems is None else replace(tiny, encoders="shared", stems=stems, bottleneck=False)
    config = RunConfig(model=model, data=DataConfig(height=64, width=32), runtime=RuntimeConfig(device="cpu"))
    pictures = np.random.default_rng(0).integers(0, 256, (2, 64, 32, 3), np.uint8)
    one, other = (heatmaps(config, 3, None, pictures, [1, 0], [0, 1]) for _ in range(2))
    assert one.shape == (2, 64, 32)
    assert one.dtype == np.float32
    np.testing.assert_array_equal(one, other)
    assert one.max() == pytest.approx(1)
