"""A step moves nothing between host and device but its batch: found out on a CPU, from the operators that would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny_training import noisy_data
from torch.utils._python_dispatch import TorchDispatchMode

from mvd.config import (
    AugmentConfig,
    DataConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    RunConfig,
    RuntimeConfig,
    SamplingConfig,
)
from mvd.config.recipes import RECIPES
from mvd.losses.objective import build_objective
from mvd.training.batches import host_batches
from mvd.training.state import initial_state
from mvd.training.trainer import train_step

CPU = torch.device("cpu")
PEOPLE, EACH, HEIGHT, WIDTH = 4, 3, 32, 16
# `x[0] = True` makes a tensor on the host and copies it; .item(), bool() and masks as indices bring something back.
WAITING = ("aten.lift_fresh", "aten._local_scalar_dense", "aten.nonzero", "aten.masked_select", "aten.is_nonzero")


class Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Remembers the operators that are called within."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


DATA = noisy_data(PEOPLE, EACH, HEIGHT, WIDTH)
STRONG = RECIPES["mvd-strong"]


@pytest.mark.parametrize(
    ("losses", "augment"),
    [
        (LossConfig(cml_weight=1.0), AugmentConfig()),
        (RECIPES["mvd-cvpr21"].losses, AugmentConfig()),
        (RECIPES["agw"].losses, AugmentConfig()),
        (STRONG.losses, replace(STRONG.augment, amplitude=0.5)),
        (LossConfig(metric="centre", soft_margin=True), AugmentConfig(streams=3)),
    ],
)
def test_a_step_waits_for_nothing(losses: LossConfig, augment: AugmentConfig) -> None:
    config = RunConfig(
        augment=augment,
        optimizer=OptimizerConfig(ema=0.9),
        data=DataConfig(height=HEIGHT, width=WIDTH),
        sampling=SamplingConfig(identities=2, pictures=2, steps_per_epoch=3),
        model=ModelConfig(
            arch="resnet18",
            base_width=4,
            bottleneck_widths=(8, 8),
            z_dim=8,
            classifier_width=8,
            channel_attention=True,
            strips=2,
        ),
        losses=replace(losses, cml_iterations=3),
        runtime=RuntimeConfig(device="cpu"),
    )
    state = initial_state(config, PEOPLE, CPU)
    objective, operators = build_objective(config), Operators()
    for state.step, batch in zip(range(3), host_batches(config, DATA, 0), strict=False):
        if state.step == 0:
            train_step(state, objective, batch, config, CPU)  # constants go to the device once
            continue
        with operators:
            train_step(state, objective, batch, config, CPU)
    assert "aten.convolution.default" in operators.names
    assert [name for name in operators.names if name.startswith(WAITING)] == []
