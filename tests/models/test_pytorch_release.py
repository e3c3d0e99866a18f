"""The network against the official PyTorch release: outputs, descriptor, statistics, and a whole training step.

The weights of the reference are made from its parameter names by a recipe; `_our_name` says which of ours each is. Its
encoders carry a classifier of 1000 classes that nothing reads; ours have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from models.released import assert_close, assert_statistics, count_trained_parameters, fill, pictures
from torch import Tensor

from mvd.config import LossConfig, ModelConfig
from mvd.losses.objective import Losses, Objective, loss_terms
from mvd.models.mvd import MVD

if TYPE_CHECKING:
    from conftest import Golden, ReadGolden

_RELEASE = ModelConfig(channel_attention=True, shared_first="grey", dropout=0.0, descriptor_norm="whole")
_LOSSES = LossConfig(vml_weight=0.0, cml_weight=8.0, metric="rank", distillation="released")
_CLASSES = 395
_PASSES = {"i": "infrared", "i_ms": "shared_infrared", "v": "visible", "v_ms": "shared_visible"}
_TERMS = {"identity": "ce", "metric": "triplet", "cml": "cml", "vsd": "vsd", "vcd": "vcd"}


@pytest.fixture(scope="module")
def weights(golden: ReadGolden) -> dict[str, Tensor]:
    """The reference's weights under our names."""
    params = golden("net_mvdpt_params")
    filled = {}
    for name, shape, total in zip(
        params["names"].tolist(), params["shapes"].tolist(), params["filled_sum"], strict=True
    ):
        if ".fc." not in name:
            values = fill(name, shape, int(params["seed"]))
            np.testing.assert_allclose(values.sum(dtype=np.float64), total, rtol=1e-9, atol=1e-9, err_msg=name)
            filled[_our_name(name)] = torch.from_numpy(values)
    return filled


@pytest.fixture(scope="module")
def network() -> MVD:
    network = MVD(_RELEASE, _CLASSES).double()
    # They were made in float32, and gradients tell.
    network.grey_weights.copy_(torch.tensor(_RELEASE.grey_weights, dtype=torch.float64).reshape(1, 3, 1, 1))
    return network


@pytest.fixture
def release(network: MVD, weights: dict[str, Tensor]) -> Iterator[MVD]:
    """The network in float64 with the reference's weights, whatever the test before has made of them."""
    network.load_state_dict(weights)
    yield network
    network.zero_grad(set_to_none=True)


def test_it_trains_as_many_parameters_as_the_release_uses(golden: ReadGolden, network: MVD) -> None:
    params = golden("net_mvdpt_params")
    assert int(params["trainable_parameters"]) == 88_232_415
    assert count_trained_parameters(network) == 88_232_415 - int(params["unused_fc_parameters"])


def test_evaluation_gives_the_released_features_and_descriptor(golden: ReadGolden, release: MVD) -> None:
    expected = golden("net_mvdpt_eval")
    images = pictures(expected)
    pooled: list[Tensor] = []
    hooks = [
        branch.neck.norm.register_forward_pre_hook(lambda _, inputs: pooled.append(inputs[0]))
        for branch in (release.visible, release.infrared, release.shared)
    ]
    with torch.no_grad():
        output = release.eval().outputs(images)
        for hook in hooks:
            hook.remove()
        descriptors = release.embed(images)
    for short, features in zip(("v", "i", "i_ms", "v_ms"), pooled, strict=True):
        assert_close(features, expected[f"{short}_obs_0"])
    for short, name in _PASSES.items():
        branch = getattr(output, name)
        assert_close(branch.observation.features, expected[f"{short}_obs_1"])
        assert_close(branch.representation.logits, expected[f"{short}_rep_0"])
        assert_close(branch.representation.features, expected[f"{short}_rep_1"])
    # The release joins its four parts in another order.
    visible, infrared, shared_visible, shared_infrared = descriptors.chunk(4, dim=1)
    released = torch.cat([infrared, shared_infrared, visible, shared_visible], dim=1)
    assert_close(released[:, ::8], expected["descriptor_every8"])
    assert_close(descriptors @ descriptors.T, expected["descriptor_gram"])


def test_training_gives_the_released_outputs_and_statistics(golden: ReadGolden, release: MVD) -> None:
    expected = golden("net_mvdpt_train")
    with torch.no_grad():
        output = release.train()(pictures(expected))
    for short, name in _PASSES.items():
        branch = getattr(output, name)
        assert_close(branch.observation.logits, expected[f"{short}_obs_0"])
        # The golden keeps every fourth column of an observation.
        assert_close(branch.observation.features[:, ::4], expected[f"{short}_obs_1"])
        assert_close(branch.representation.logits, expected[f"{short}_rep_0"])
        assert_close(branch.representation.features, expected[f"{short}_rep_1"])
    assert_statistics(release, _our_name, expected)


def test_a_training_step_has_the_released_losses_and_gradients_and_moves_as_far(
    golden: ReadGolden, release: MVD, weights: dict[str, Tensor]
) -> None:
    expected = golden("net_mvdpt_step")
    parameters = dict(release.train().named_parameters())
    rate, decay = expected["adam_lr_wd"].tolist()
    # The release decays every parameter; the configuration of a run spares vectors.
    optimizer = torch.optim.Adam([p for p in parameters.values() if p.requires_grad], lr=rate, weight_decay=decay)
    losses = _backward(release, expected)
    optimizer.step()

    for ours, theirs in _TERMS.items():
        np.testing.assert_allclose(losses.terms[ours].item(), expected[theirs], rtol=0, atol=1e-8, err_msg=ours)
    np.testing.assert_allclose(losses.total.item(), expected["total"], rtol=0, atol=1e-8)
    compared = 0
    for row, name in enumerate(expected["param_names"].tolist()):
        if ".fc." in name:
            continue
        parameter = parameters[_our_name(name)]
        assert (parameter.grad is None) == expected["grad_is_none"][row], name
        if parameter.grad is not None:
            length = parameter.grad.norm().item()
            np.testing.assert_allclose(length, expected["grad_l2"][row], rtol=1e-6, atol=1e-10, err_msg=name)
            moved = (parameter.detach() - weights[_our_name(name)]).norm().item()
            np.testing.assert_allclose(moved, expected["adam_step_l2"][row], rtol=1e-5, err_msg=name)
            compared += 1
    assert compared == sum(parameter.requires_grad for parameter in parameters.values())
    for name in [key for key in expected if key.startswith("grad/")]:
        gradient = parameters[_our_name(name.removeprefix("grad/"))].grad
        assert gradient is not None
        np.testing.assert_allclose(gradient.numpy(), expected[name], rtol=1e-6, atol=1e-10, err_msg=name)


def _backward(network: MVD, golden: Golden) -> Losses:
    labels, modalities = torch.from_numpy(golden["label"]), torch.from_numpy(golden["sub"])
    losses = Objective(loss_terms(_LOSSES))(network(pictures(golden)), labels, modalities)
    torch.autograd.backward(losses.total)
    return losses


def _our_name(name: str) -> str:
    """Turn a parameter name of the PyTorch release into ours."""
    for pattern, replacement in (
        (r"^RGB_", "visible."),
        (r"^IR_", "infrared."),
        (r"^shared_", "shared."),
        (r"\.backbone\.base\.", ".encoder."),
        (r"\.backbone\.cam_256\._cam_module\.", ".encoder.attention2."),
        (r"\.backbone\.cam_512\._cam_module\.", ".encoder.attention3."),
        (r"\.backbone\.cam_1024\._cam_module\.", ".encoder.attention4."),
        (r"\.backbone\.bottleneck\.", ".neck.norm."),
        (r"\.backbone\.classifier\.0\.", ".neck.classifier."),
        (r"\.Bottleneck\.bottleneck\.model\.", ".bottleneck.layers."),
        (r"\.Bottleneck\.classifier\.", ".bottleneck.classifier."),
    ):
        name = re.sub(pattern, replacement, name)
    return name
