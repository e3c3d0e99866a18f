"""The two engines take the same steps: losses, weights, evaluation, and runs that move between them.

Needed for that: no dropout, whose draws differ, and a learning rate at which rounding does not grow (`engines.MVD`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import torch
from in_mindspore.engines import MVD, SHARED, STEPS
from mindspore import Parameter, ParameterTuple, Tensor
from mindspore import nn as ms_nn
from tiny_training import PEOPLE, fit, new_run, training_data

from mvd.config import OptimizerConfig, RunConfig
from mvd.config.learning_rate import lr_factor
from mvd.data.batches import training_batches
from mvd.data.pictures import ConcatPictures
from mvd.data.samples import concatenate
from mvd.data.training import TrainingData
from mvd.losses.objective import build_objective as build_torch_objective
from mvd.metrics.features import Features
from mvd.metrics.protocols import validation_protocol
from mvd.metrics.scores import evaluate
from mvd.mindspore.device import computing
from mvd.mindspore.losses.objective import build_objective
from mvd.mindspore.models.state import overlay
from mvd.mindspore.training.augment import augment
from mvd.mindspore.training.optim import Optimizer
from mvd.mindspore.training.state import TrainState
from mvd.mindspore.training.trainer import train_step
from mvd.models.state import initial_network, network_tensors
from mvd.runs import load_checkpoint
from mvd.training import trainer
from mvd.training.batches import host_batches
from mvd.training.device_augment import augment as torch_augment
from mvd.training.optim import build_optimizer, set_lr
from mvd.training.state import initial_state

pytestmark = pytest.mark.mindspore

Arrays = dict[str, npt.NDArray[Any]]
CPU = torch.device("cpu")
TWENTY = 4 * STEPS


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return training_data(MVD.data.height, MVD.data.width)


def first_weights(config: RunConfig) -> Arrays:
    """The weights that PyTorch starts from."""
    return copied(network_tensors(initial_network(config, PEOPLE, CPU)))


def copied(arrays: Arrays) -> Arrays:
    """Copies, for a later step changes the arrays of a network in place."""
    return {name: values.copy() for name, values in arrays.items()}


def apart(ours: Arrays, theirs: Arrays) -> float:
    """The largest difference of an entry, relative to the largest of its array where that is above 1."""
    assert ours.keys() == theirs.keys()
    differences = {name: np.abs(ours[name].astype(np.float64) - theirs[name]).max() for name in ours}
    return max(float(one / max(1.0, np.abs(theirs[name]).max())) for name, one in differences.items())


class Twenty(NamedTuple):
    """Twenty steps of both engines from the same weights: a row of losses for each, and weights."""

    names: tuple[str, ...]
    torch_losses: npt.NDArray[Any]
    losses: npt.NDArray[Any]
    torch_first: Arrays
    first: Arrays
    state: TrainState


@pytest.fixture(scope="module")
def twenty(data: TrainingData) -> Twenty:
    config = MVD
    start = first_weights(config)
    torch_state, objective = initial_state(config, PEOPLE, CPU), build_torch_objective(config)
    torch_losses, torch_first = [], Arrays()
    for step, host in enumerate(host_batches(config, data, 0)):
        set_lr(torch_state.optimizer, config.optimizer.lr * lr_factor(config.schedule, step, STEPS))
        values = trainer.train_step(torch_state, objective, host, config, CPU)
        torch_losses.append([float(value) for value in values.values()])
        torch_state.step += 1
        if step == 0:
            torch_first = copied(torch_state.network_arrays() | torch_state.training_arrays())
    losses, first = [], Arrays()
    with computing(config.runtime, "cpu"):
        state = TrainState(config, PEOPLE, build_objective(config))
        overlay(state.network, start)
        for step, batch in enumerate(training_batches(config, data, 0)):
            lr = config.optimizer.lr * lr_factor(config.schedule, step, STEPS)
            losses.append(train_step(state, batch, config, lr).asnumpy())
            state.step += 1
            if step == 0:
                first = copied(state.network_arrays() | state.training_arrays())
    assert len(losses) == TWENTY
    names = state.take.names
    assert names == tuple(values)
    return Twenty(names, np.array(torch_losses), np.array(losses), torch_first, first, state)


def test_one_step_leaves_the_weights_statistics_and_moments_of_pytorchs(twenty: Twenty) -> None:
    assert apart(twenty.first, twenty.torch_first) < 1e-4
    start, rate, compared = first_weights(MVD), MVD.optimizer.lr, 0
    for name, before in start.items():
        key = f"optimizer/{name}/exp_avg"
        if key not in twenty.first:
            continue
        ours, theirs = twenty.first[key], twenty.torch_first[key]
        largest = np.abs(theirs).max()
        if largest > 1e-6:  # else it is rounding: a bias before a norm has no gradient
            assert np.abs(ours - theirs).max() < 1e-3 * largest, name
            # Adam's first update is the rate, whichever sign the rounding of a gradient near 0 has.
            clear = np.abs(theirs) > 1e-2 * largest
            moved, expected = (one[name][clear] - before[clear] for one in (twenty.first, twenty.torch_first))
            assert np.abs(expected).max() > 0.5 * rate
            assert np.abs(moved - expected).max() < 0.1 * rate, name
            compared += int(clear.sum())
    assert compared > 10_000


def test_twenty_steps_keep_every_loss_within_a_thousandth(twenty: Twenty) -> None:
    *terms, accuracy = range(len(twenty.names))
    expected, found = twenty.torch_losses[:, terms], twenty.losses[:, terms]
    # Divergences begin near 0, where a thousandth of them is less than float32 resolves of the logits.
    relative = np.abs(found - expected) / np.maximum(np.abs(expected), 1e-3)
    assert relative.max() < 1e-3, dict(zip(twenty.names, relative.max(axis=0), strict=False))
    assert np.abs(twenty.losses[:, accuracy] - twenty.torch_losses[:, accuracy]).max() < 0.05
    assert twenty.losses[-1, terms[-1]] < twenty.losses[0, terms[-1]]  # it learnt


def test_a_trained_network_has_the_same_figures_in_both_engines(
    twenty: Twenty, data: TrainingData, tmp_path: Path
) -> None:
    samples = concatenate([data.visible.samples, data.infrared.samples])
    pictures = ConcatPictures([data.visible, data.infrared])
    with computing(MVD.runtime, "cpu"):
        here = twenty.state.embed(MVD, pictures, samples.modalities)
    there_state = initial_state(MVD, PEOPLE, CPU)
    there_state.network.load_state_dict(
        {name: torch.from_numpy(np.array(value)) for name, value in twenty.state.network_arrays().items()}
    )
    there = there_state.embed(MVD, pictures, samples.modalities)
    assert np.abs(here - there).max() < 1e-4
    protocol = validation_protocol("sysu", cameras=True)
    ours, theirs = (evaluate(Features(descriptors=one, samples=samples), protocol, None) for one in (here, there))
    assert np.abs(np.array(ours.mean) - np.array(theirs.mean)).max() < 1e-6
    assert ours.mean.mAP > 0.2


@pytest.mark.parametrize("first", ["pytorch", "mindspore"])
def test_a_run_that_is_stopped_in_one_framework_goes_on_in_the_other(
    first: str, data: TrainingData, tmp_path: Path
) -> None:
    torch_config = replace(SHARED, framework="pytorch")
    whole = new_run(tmp_path / "whole", torch_config)
    expected = fit(data, whole, torch_config)
    moved, start = new_run(tmp_path / "moved", torch_config), first_weights(SHARED)
    second = {"pytorch": "mindspore", "mindspore": "pytorch"}[first]
    before = fit(data, moved, replace(SHARED, framework=first), stop_after=10, initial=start)  # type: ignore[arg-type]
    stopped = load_checkpoint(moved.checkpoint("last"))[1]
    assert stopped.step == 10
    after = fit(data, moved, replace(SHARED, framework=second), resume=True)  # type: ignore[arg-type]
    assert sorted(before.losses | after.losses) == list(range(1, TWENTY + 1))
    for step, loss in (before.losses | after.losses).items():
        assert loss == pytest.approx(expected.losses[step], rel=1e-3), step
    (ours, meta), (theirs, _) = (load_checkpoint(run.checkpoint("last")) for run in (moved, whole))
    assert meta.step == TWENTY
    assert ours.keys() == theirs.keys()
    assert {name: values.shape for name, values in ours.items()} == {name: one.shape for name, one in theirs.items()}
    assert {name: values.dtype for name, values in ours.items()} == {name: one.dtype for name, one in theirs.items()}
    # Gradients choose hardest pairs, and their moments are apart sooner than the weights.
    moments = [name for name in ours if name.startswith("optimizer/")]
    weights = [{name: one[name] for name in one if name not in moments} for one in (ours, theirs)]
    assert apart(*weights) < 1e-3
    for name in moments:
        assert np.abs(ours[name] - theirs[name]).max() < 1e-2 * max(np.abs(theirs[name]).max(), 1e-3), name
    counters = [name for name in ours if name.endswith(("num_batches_tracked", "/step"))]
    assert counters
    assert all(ours[name] == theirs[name] == TWENTY for name in counters)


class Weights(ms_nn.Cell):  # type: ignore[misc]
    """A matrix of an encoder and a vector of a head."""

    def __init__(self, matrix: npt.NDArray[Any], vector: npt.NDArray[Any]) -> None:
        super().__init__()
        self.matrix = Parameter(Tensor(matrix), name="shared.encoder.weight")
        self.vector = Parameter(Tensor(vector), name="shared.neck.bias")


@pytest.mark.parametrize("decay", ["matrices", "all"])
@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd"])
def test_an_update_is_pytorchs(kind: str, decay: str) -> None:
    config = OptimizerConfig(
        kind=kind,  # type: ignore[arg-type]
        lr=0.1,
        encoder_lr_scale=0.5,
        weight_decay=0.1,
        decay=decay,  # type: ignore[arg-type]
        clip_norm=0.05 if kind == "adamw" else 0.0,
    )
    rng = np.random.default_rng(0)
    matrix, vector = rng.standard_normal((3, 2)).astype(np.float32), rng.standard_normal(3).astype(np.float32)
    network = torch.nn.Module()
    network.shared = torch.nn.ModuleDict({"encoder": torch.nn.Module(), "neck": torch.nn.Module()})
    names = ("shared.encoder.weight", "shared.neck.bias")
    network.shared["encoder"].weight = torch.nn.Parameter(torch.from_numpy(matrix.copy()))
    network.shared["neck"].bias = torch.nn.Parameter(torch.from_numpy(vector.copy()))
    theirs = build_optimizer(network, config)
    cell = Weights(matrix, vector)
    ours = Optimizer(dict(zip(names, (cell.matrix, cell.vector), strict=True)), config)
    assert isinstance(ours.parameters, ParameterTuple)
    parameters = dict(network.named_parameters())
    for step in range(3):
        # Gradients below epsilon show where it is added.
        gradients = [(rng.standard_normal(shape) * 10.0 ** -(4 * step)).astype(np.float32) for shape in ((3, 2), (3,))]
        for name, gradient in zip(names, gradients, strict=True):
            parameters[name].grad = torch.from_numpy(gradient.copy())
        if config.clip_norm:
            torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
        set_lr(theirs, config.lr)
        theirs.step()
        ours(tuple(map(Tensor, gradients)), ours.scalars(config.lr))
        ours.taken += 1
        for name, parameter in zip(names, (cell.matrix, cell.vector), strict=True):
            np.testing.assert_allclose(parameter.asnumpy(), parameters[name].detach().numpy(), atol=1e-6)


def test_pictures_are_augmented_alike(data: TrainingData) -> None:
    for streams in (2, 4):
        wanted = replace(MVD.augment, streams=streams, grey=0.3, erase_value=(0.5, 0.4, 0.3))
        config = replace(MVD, augment=wanted)
        host, batch = next(host_batches(config, data, 3)), next(training_batches(config, data, 3))
        expected = torch_augment(host.pictures, host.draws, wanted, torch.contiguous_format)
        found = augment(batch.pictures, batch.draws, wanted)
        assert found.shape == (streams * 8, 3, 64, 32)
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)
