"""What makes a step fast changes nothing of what it computes: losses of twenty seeded steps against plain code."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from plain_step import PlainStep
from tiny_training import noisy_data
from torch import nn

from mvd.config import (
    AugmentConfig,
    CosineSchedule,
    DataConfig,
    RunConfig,
    RuntimeConfig,
    SamplingConfig,
)
from mvd.config.recipes import RECIPES
from mvd.data.augment import draw_augmentation
from mvd.data.batches import count_steps
from mvd.data.prefetch import prefetch
from mvd.data.samples import Modality
from mvd.data.sampling import identity_batches
from mvd.data.training import TrainingData
from mvd.losses.objective import build_objective
from mvd.models.mvd import MVD
from mvd.models.resnet import ResNet
from mvd.models.state import initial_network
from mvd.training.batches import host_batches
from mvd.training.state import TrainState, initial_state
from mvd.training.trainer import train_step

CPU = torch.device("cpu")
STEPS, PEOPLE, EACH, HEIGHT, WIDTH = 20, 6, 5, 48, 24
CVPR21 = RECIPES["mvd-cvpr21"]
CONFIG = replace(
    CVPR21,
    data=DataConfig(height=HEIGHT, width=WIDTH),
    sampling=SamplingConfig(identities=4, pictures=2, steps_per_epoch=STEPS),
    augment=AugmentConfig(pad=2, exchange=0.0, erase=0.0),
    model=replace(
        CVPR21.model,
        arch="resnet18",
        base_width=8,
        bottleneck_widths=(32, 32),
        z_dim=32,
        classifier_width=32,
        dropout=0.0,
    ),
    optimizer=replace(CVPR21.optimizer, lr=1e-5),  # Adam amplifies rounding; a low rate limits it
    schedule=CosineSchedule(epochs=1, warmup_epochs=0),
    runtime=RuntimeConfig(device="cpu", channels_last=False),
)
SHORT = replace(CONFIG, sampling=replace(CONFIG.sampling, steps_per_epoch=6))


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return noisy_data(PEOPLE, EACH, HEIGHT, WIDTH)


@pytest.fixture(scope="module")
def plain(data: TrainingData) -> list[float]:
    """The losses of the plain step."""
    network = initial_network(CONFIG, PEOPLE, CPU)
    assert isinstance(network, MVD)
    step = PlainStep(network, CONFIG)
    sampling = CONFIG.sampling
    dealt = identity_batches(
        data.labels(data.visible),
        data.labels(data.infrared),
        identities=sampling.identities,
        pictures=sampling.pictures,
        steps=STEPS,
        seed=CONFIG.seed,
        epoch=0,
    )
    modalities = np.repeat(list(Modality), sampling.identities * sampling.pictures)
    losses = []
    for number in range(STEPS):
        draws = draw_augmentation(CONFIG.augment, modalities, HEIGHT, WIDTH, seed=CONFIG.seed, step=number)
        pictures = np.concatenate(
            [data.visible.read(dealt.visible[number]), data.infrared.read(dealt.infrared[number])]
        )
        losses.append(step(pictures, draws, np.tile(dealt.labels[number], 2), modalities))
    return losses


def losses_of(config: RunConfig, data: TrainingData, change: Callable[[TrainState], None] | None = None) -> list[float]:
    return [float(values["total"]) for values in steps_of(config, data, change)]


def steps_of(
    config: RunConfig, data: TrainingData, change: Callable[[TrainState], None] | None = None
) -> Iterator[dict[str, torch.Tensor]]:
    state = initial_state(config, PEOPLE, CPU)
    if change is not None:
        change(state)
    objective = build_objective(config)
    assert count_steps(config, data) == config.sampling.steps_per_epoch
    for state.step, batch in enumerate(prefetch(host_batches(config, data, 0))):
        yield train_step(state, objective, batch, config, CPU)


@pytest.mark.parametrize(("channels_last", "recompute"), [(False, False), (True, False), (True, True)])
def test_a_fast_step_has_the_losses_of_a_plain_one(
    data: TrainingData, plain: list[float], *, channels_last: bool, recompute: bool
) -> None:
    config = replace(CONFIG, runtime=replace(CONFIG.runtime, channels_last=channels_last, recompute=recompute))
    found = losses_of(config, data)
    assert len(set(plain)) == STEPS  # it learns something
    assert found == pytest.approx(plain, rel=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling takes a C++ compiler")
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_step_has_the_losses_of_a_plain_one(data: TrainingData, plain: list[float]) -> None:
    config = replace(CONFIG, runtime=replace(CONFIG.runtime, channels_last=True, compile=True))
    assert losses_of(config, data) == pytest.approx(plain, rel=1e-5)


def test_recomputing_changes_no_bit(data: TrainingData) -> None:
    """Neither losses nor running statistics, which see each picture once all the same."""
    states: list[TrainState] = []
    found = []
    for recompute in (False, True):
        config = replace(SHORT, runtime=replace(SHORT.runtime, recompute=recompute))
        found.append(losses_of(config, data, states.append))
    assert found[0] == found[1]
    assert any(module.recompute for module in states[1].network.modules() if isinstance(module, ResNet))
    arrays = [state.network.state_dict() for state in states]
    for name, values in arrays[0].items():
        assert torch.equal(values, arrays[1][name]), name


def test_a_batch_in_parts_is_the_whole_one_where_norms_have_no_batch(data: TrainingData) -> None:
    def freeze(state: TrainState) -> None:
        # In eval mode a norm is a constant; what is left must not know of parts.
        state.network.train()
        for norm in state.network.modules():
            if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
                norm.eval()
        state.network.train = lambda mode=True: state.network  # type: ignore[method-assign, assignment]

    whole = losses_of(SHORT, data, freeze)
    for parts in (2, 4):
        config = replace(SHORT, runtime=replace(SHORT.runtime, accumulate=parts))
        assert losses_of(config, data, freeze) == pytest.approx(whole, rel=1e-5)


def test_a_batch_in_parts_trains_and_counts_each_picture_once(data: TrainingData) -> None:
    states: list[TrainState] = []
    config = replace(SHORT, runtime=replace(SHORT.runtime, accumulate=2), model=replace(SHORT.model, dropout=0.5))
    assert all(np.isfinite(losses_of(config, data, states.append)))
    before = initial_network(config, PEOPLE, CPU).state_dict()
    for name, values in states[0].network.named_parameters():
        assert not values.requires_grad or not torch.equal(values, before[name]), name
    counts = {
        int(values) for name, values in states[0].network.state_dict().items() if name.endswith("num_batches_tracked")
    }
    # Two parts of each batch; the shared branch sees everything twice.
    steps = config.sampling.steps_per_epoch
    assert counts == {2 * steps, 4 * steps}


def test_parts_of_fewer_identities_than_there_are_are_refused() -> None:
    from mvd.errors import ConfigError
    from mvd.training.engine import check

    with pytest.raises(ConfigError, match=r"sampling\.identities: expected a multiple of 3, for 1 process with"):
        check(replace(CONFIG, runtime=replace(CONFIG.runtime, accumulate=3)))
    both = replace(CONFIG.runtime, compile=True, recompute=True)
    with pytest.raises(ConfigError, match=r"runtime\.recompute: expected it without runtime\.compile"):
        check(replace(CONFIG, runtime=both))
