"""Compares a step of two processes with that of one process, in float64; launched by test_process_group.py.

Usage: two_processes.py DATA [DEVICE [VARIANT …]], all variants by default. On "cuda" both share one device, over Gloo:
NCCL refuses that.

Prints a JSON object for each variant: the largest difference of a loss, a gradient, a weight or a running statistic.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from mvd import distributed
from mvd.commands.data.training_data import load_training
from mvd.config import (
    AugmentConfig,
    CosineSchedule,
    DataConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    RunConfig,
    SamplingConfig,
)
from mvd.data.layouts import scan
from mvd.data.training import TrainingData
from mvd.distributed import group
from mvd.distributed.batch_norm import share_statistics
from mvd.distributed.group import data_parallel
from mvd.losses.objective import build_objective
from mvd.training import trainer
from mvd.training.batches import host_batches
from mvd.training.device_augment import augment
from mvd.training.state import initial_state

DEVICE = torch.device(sys.argv[2] if len(sys.argv) > 2 else "cpu")
CONFIG = RunConfig(
    data=DataConfig(height=32, width=16),
    sampling=SamplingConfig(identities=4, pictures=2, steps_per_epoch=1),
    augment=AugmentConfig(pad=1),
    model=ModelConfig(
        # Wide enough for no picture to lose all its ReLUs: what normalises z = 0 has a slope of 1e12 there.
        arch="resnet18",
        base_width=4,
        bottleneck_widths=(32, 32),
        z_dim=16,
        classifier_width=16,
        dropout=0.0,
    ),
    losses=LossConfig(cml_weight=1.0),
    optimizer=OptimizerConfig(kind="sgd", lr=1e-4),
    schedule=CosineSchedule(epochs=3),
)


def variants() -> Iterator[tuple[str, RunConfig]]:
    yield "all losses", CONFIG
    yield "recompute", replace(CONFIG, runtime=replace(CONFIG.runtime, recompute=True))
    for metric in ("triplet", "quadruple", "wrt", "rank"):
        yield metric, replace(CONFIG, losses=replace(CONFIG.losses, metric=metric))
    yield "contrastive", replace(CONFIG, losses=replace(CONFIG.losses, contrastive_weight=1.0))
    yield "a trunk", replace(CONFIG, model=replace(CONFIG.model, trunk=3))
    yield "three streams", replace(CONFIG, augment=replace(CONFIG.augment, streams=3))
    strips = replace(CONFIG.model, strips=2, strip_width=16, pooling="gem")
    swapped = replace(CONFIG.augment, amplitude=0.5)
    yield "strips and swapped amplitudes", replace(CONFIG, model=strips, augment=swapped)
    shared = replace(CONFIG.model, encoders="shared", stems="specific", bottleneck=False)
    plain = replace(CONFIG.losses, vsd_weight=0.0, vcd_weight=0.0, vml_weight=0.0, cml_weight=0.0, shared=1.0)
    yield "a stem for each modality", replace(CONFIG, model=shared, losses=plain)
    yield "no identity loss", replace(CONFIG, model=shared, losses=replace(plain, identity_weight=0.0))


def take_steps(config: RunConfig, data: TrainingData) -> dict[str, Tensor]:
    """Take some steps in float64, and give losses and gradients of the last, weights and running statistics by name."""
    with distributed.alone():
        state = initial_state(config, len(data.identities), DEVICE)
    state.network.double()
    if distributed.count() > 1:
        share_statistics(state.network, DEVICE)
        state.forward = data_parallel(state.network, DEVICE, unused=config.losses.identity_weight == 0)
    for state.step, batch in enumerate(host_batches(config, data, 0)):
        losses = trainer.train_step(state, build_objective(config), batch, config, DEVICE)
    gradients = {name: p.grad for name, p in state.network.named_parameters() if p.grad is not None}
    arrays = {f"array {name}": values.double() for name, values in state.network.state_dict().items()}
    return {f"loss {name}": value for name, value in losses.items()} | gradients | arrays


def main(data: Path) -> None:
    if DEVICE.type == "cuda":
        os.environ["LOCAL_RANK"] = "0"
        group._BACKENDS["cuda"] = "gloo"
    setattr(trainer, "augment", lambda *given: augment(*given).double())  # noqa: B010 - it is not the module's to give away
    with distributed.joined(replace(CONFIG.runtime, device=DEVICE.type)):
        training, _ = load_training(scan(data), data, CONFIG)
        for name, config in variants():
            if len(sys.argv) > 3 and name not in sys.argv[3:]:
                continue
            found = take_steps(config, training)
            with distributed.alone():
                expected = take_steps(config, training)
            report(name, found, expected)


def report(name: str, found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    if distributed.is_first():
        # What no loss reaches has no gradient in one process, and one of zeros, with weight decay, in several.
        unreached = found.keys() - expected.keys()
        assert not any(found[key].any() for key in unreached)
        pairs = {key: (found[key], expected[key]) for key in expected if key.removeprefix("array ") not in unreached}
        worst = max((float((one - other).abs().max()), key) for key, (one, other) in pairs.items())
        print(
            json.dumps({"variant": name, "lacking": sorted(expected.keys() - found.keys()), "worst": worst}), flush=True
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
