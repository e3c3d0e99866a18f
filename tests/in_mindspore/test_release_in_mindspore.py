"""The MindSpore release in MindSpore itself: its golden vectors, and its network loads the weights of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import mindspore
import numpy as np
import pytest
from mindspore import nn
from models.released import fill, pictures
from parity import as_array

from mvd.config.recipes import MVD_MINDSPORE
from mvd.mindspore.models.factory import Network, create_model
from mvd.mindspore.models.state import initial_network, network_tensors
from mvd.original.weights import keep_weights
from mvd.runs import RunData, create_run
from mvd.weights.load import UNTRAINED

if TYPE_CHECKING:
    from conftest import Golden, ReadGolden

pytestmark = pytest.mark.mindspore

_CLASSES = 395
_PASSES = {"v": "visible", "i": "infrared", "v_ms": "shared_visible", "i_ms": "shared_infrared"}


@pytest.fixture
def release(golden: ReadGolden) -> Network:
    """Load the release's parameters by their names there."""
    params = golden("net_mvdms_params")
    named = zip(params["names"].tolist(), params["shapes"].tolist(), strict=True)
    weights = {name: mindspore.Parameter(fill(name, shape, int(params["seed"])), name=name) for name, shape in named}
    network = create_model(MVD_MINDSPORE.model, classes=_CLASSES, dropout=0.0)
    assert mindspore.load_param_into_net(network, weights, strict_load=True) == ([], [])
    return network


def images(golden: dict[str, np.ndarray]) -> mindspore.Tensor:
    return mindspore.Tensor(pictures(golden).numpy().astype(np.float32))


def test_outputs_and_statistics_are_the_released_ones(golden: ReadGolden, release: Network) -> None:
    check_evaluation(golden, release)
    # Second, because it changes the statistics.
    check_training(golden, release)


def check_evaluation(golden: ReadGolden, release: Network) -> None:
    expected = golden("net_mvdms_eval")
    descriptors = as_array(release.set_train(False)(images(expected)))
    parts = dict(zip(("v_obs", "i_obs", "v_ms_obs", "i_ms_obs"), np.split(descriptors, 4, axis=1), strict=True))
    for name, part in parts.items():
        np.testing.assert_allclose(part, expected[f"{name}_l2norm"], rtol=0, atol=2e-5)
    np.testing.assert_allclose(descriptors @ descriptors.T, expected["similarity"], rtol=0, atol=2e-5)


def check_training(golden: ReadGolden, release: Network) -> None:
    expected = golden("net_mvdms_train")
    output = release.set_train(True)(images(expected))
    for short, name in _PASSES.items():
        observation, representation = getattr(output, name)
        # The golden keeps every fourth column of an observation. It was computed in float64; the reference itself in
        # float32 is off by nearly as much.
        for found, key in (
            (as_array(observation.features)[:, ::4], "obs_feat"),
            (as_array(observation.logits), "obs_logits"),
            (as_array(representation.features), "rep_feat"),
            (as_array(representation.logits), "rep_logits"),
        ):
            np.testing.assert_allclose(found, expected[f"{short}_{key}"], rtol=0, atol=1e-3)
    after = {parameter.name: as_array(parameter) for parameter in release.get_parameters()}
    statistics = {name.removeprefix("after/"): value for name, value in expected.items() if name.startswith("after/")}
    assert len(statistics) == 16
    for name, value in statistics.items():
        np.testing.assert_allclose(after[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


class Released(nn.Cell):  # type: ignore[misc]
    """Parameters of the names and shapes of the release's network."""

    def __init__(self, params: Golden) -> None:
        super().__init__()
        for k, (name, shape) in enumerate(zip(params["names"].tolist(), params["shapes"].tolist(), strict=True)):
            zeros = np.zeros([int(side) for side in shape.split("x")], np.float32)
            self.insert_param_to_cell(f"p{k}", mindspore.Parameter(zeros, name=name))


def test_the_releases_network_loads_the_weights_of_a_run_whole(golden: ReadGolden, tmp_path: Path) -> None:
    params = golden("net_mvdms_params")
    config = replace(MVD_MINDSPORE, framework="mindspore")
    data = RunData(root="data", prepared="data", dataset="sysu", identities=tuple(range(_CLASSES)))
    run, network = create_run(tmp_path / "run", config, data, replace=False), initial_network(config, _CLASSES)
    run.save_checkpoint("best", network_tensors(network), UNTRAINED)
    keep_weights(run, "best", tmp_path / "best.ckpt")

    loaded = mindspore.load_checkpoint(str(tmp_path / "best.ckpt"))  # as the release's eval.py loads it
    assert list(loaded) == params["names"].tolist()
    released = Released(params)
    assert mindspore.load_param_into_net(released, loaded, strict_load=True) == ([], [])
    expected = {one.name: one for one in network.get_parameters()}
    for parameter in released.get_parameters():
        assert parameter.asnumpy().tobytes() == expected[parameter.name].asnumpy().tobytes(), parameter.name
