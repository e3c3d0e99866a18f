"""Descriptors of batches: in the order of the pictures, and each with its modality."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch

from mvd.config import ModelConfig, RuntimeConfig
from mvd.data.pictures import PictureArray
from mvd.errors import ConfigError
from mvd.inference.embed import embed_pictures
from mvd.models.baseline import Baseline
from mvd.models.factory import Network, build_network

_RUNTIME = RuntimeConfig(device="cpu")
_IN_THREES = RuntimeConfig(device="cpu", embed_batch=3)


@pytest.fixture
def pictures() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (7, 32, 16, 3), dtype=np.uint8)


@pytest.fixture
def network(tiny: ModelConfig) -> Network:
    torch.manual_seed(0)
    return build_network(replace(tiny, encoders="shared", stems="specific"), 3)


def test_descriptors_do_not_depend_on_the_batches(tiny: ModelConfig, pictures: npt.NDArray[np.uint8]) -> None:
    network = build_network(tiny, 3)
    whole = embed_pictures(network, _RUNTIME, PictureArray(pictures))
    assert whole.shape == (7, 256)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(embed_pictures(network, _IN_THREES, PictureArray(pictures)), whole, atol=1e-5)


def test_every_picture_is_described_by_the_stem_of_its_modality(
    network: Baseline, pictures: npt.NDArray[np.uint8]
) -> None:
    modalities = np.array([0, 1, 1, 0, 1, 0, 0])
    # As those of `Samples` are.
    modalities.flags.writeable = False
    found = embed_pictures(network, _IN_THREES, PictureArray(pictures), modalities)
    for row in range(7):
        alone = embed_pictures(network, _RUNTIME, PictureArray(pictures[row : row + 1]), modalities[row : row + 1])
        other = embed_pictures(network, _RUNTIME, PictureArray(pictures[row : row + 1]), 1 - modalities[row : row + 1])
        np.testing.assert_allclose(found[row : row + 1], alone, atol=1e-5)
        assert np.abs(alone - other).max() > 0.01


@pytest.mark.parametrize("known", [None, 6])
def test_too_few_modalities_are_refused(network: Baseline, pictures: npt.NDArray[np.uint8], known: int | None) -> None:
    modalities = None if known is None else np.zeros(known, dtype=np.int64)
    with pytest.raises(ConfigError, match=r"model\.stems: expected the modality of every picture"):
        embed_pictures(network, _IN_THREES, PictureArray(pictures), modalities)
