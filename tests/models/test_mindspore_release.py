"""The network against the MindSpore release: same weights and pictures, same observations, logits and statistics.

The weights of the reference are made from its parameter names by a recipe; `_our_name` says which of ours each is.
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from models.released import assert_close, assert_statistics, fill, pictures

from mvd.config import ModelConfig
from mvd.models.mvd import MVD
from mvd.models.outputs import Branch

if TYPE_CHECKING:
    from conftest import ReadGolden

_RELEASE = ModelConfig(
    padding="same",
    last_stride=2,
    third_norm="mindspore",
    neck_bias=True,
    dropout=0.0,
    grey_weights=(0.2989, 0.5870, 0.1440),
)
_CLASSES = 395
_PASSES = {"v": "visible", "i": "infrared", "v_ms": "shared_visible", "i_ms": "shared_infrared"}


@pytest.fixture(scope="module")
def release(golden: ReadGolden) -> MVD:
    """The network in float64 with the reference's weights."""
    params = golden("net_mvdms_params")
    weights = {
        _our_name(name): torch.from_numpy(fill(name, shape, int(params["seed"])))
        for name, shape in zip(params["names"].tolist(), params["shapes"].tolist(), strict=True)
    }
    network = MVD(_RELEASE, _CLASSES)
    network.load_state_dict(weights)
    return network.double()


def test_evaluation_gives_the_released_observations(golden: ReadGolden, release: MVD) -> None:
    expected = golden("net_mvdms_eval")
    with torch.no_grad():
        descriptors = release.eval().embed(pictures(expected))
    parts = dict(zip(("v_obs", "i_obs", "v_ms_obs", "i_ms_obs"), descriptors.chunk(4, dim=1), strict=True))
    for name, part in parts.items():
        np.testing.assert_allclose(part.numpy(), expected[f"{name}_l2norm"], rtol=0, atol=2e-6)
    np.testing.assert_allclose((descriptors @ descriptors.T).numpy(), expected["similarity"], rtol=0, atol=2e-6)


def test_training_gives_the_released_outputs_and_statistics(golden: ReadGolden, release: MVD) -> None:
    expected = golden("net_mvdms_train")
    network = copy.deepcopy(release).train()
    with torch.no_grad():
        output = network(pictures(expected))
    for short, name in _PASSES.items():
        branch: Branch = getattr(output, name)
        # The golden keeps every fourth column of an observation.
        assert_close(branch.observation.features[:, ::4], expected[f"{short}_obs_feat"])
        assert_close(branch.observation.logits, expected[f"{short}_obs_logits"])
        assert branch.representation is not None
        assert_close(branch.representation.features, expected[f"{short}_rep_feat"])
        assert_close(branch.representation.logits, expected[f"{short}_rep_logits"])

    assert_statistics(network, _our_name, expected)


def _our_name(name: str) -> str:
    """Turn a parameter name of the MindSpore release into ours."""
    for pattern, replacement in (
        (r"^rgb_backbone\.visible\.", "visible.encoder."),
        (r"^ir_backbone\.thermal\.", "infrared.encoder."),
        (r"^shared_backbone\.base\.", "shared.encoder."),
        (r"\.encoder\.bottleneck\.", ".neck.norm."),
        (r"\.encoder\.classifier\.", ".neck.classifier."),
        (r"^rgb_bottleneck\.", "visible.bottleneck."),
        (r"^ir_bottleneck\.", "infrared.bottleneck."),
        (r"^shared_bottleneck\.", "shared.bottleneck."),
        (r"\.bottleneck\.bottleneck\.model\.", ".bottleneck.layers."),
        (r"\.down_sample_layer\.", ".downsample."),
        (r"\.gamma$", ".weight"),
        (r"\.beta$", ".bias"),
        (r"\.moving_mean$", ".running_mean"),
        (r"\.moving_variance$", ".running_var"),
    ):
        name = re.sub(pattern, replacement, name)
    return name
