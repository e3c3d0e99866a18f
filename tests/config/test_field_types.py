"""Configurations made in Python have fields of the declared types: converted without loss, or one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from mvd.config import (
    AugmentConfig,
    DataConfig,
    LossConfig,
    Machine,
    ModelConfig,
    OptimizerConfig,
    RunConfig,
    RuntimeConfig,
    SamplingConfig,
    from_json,
    to_json,
)
from mvd.config.changes import apply_changes
from mvd.config.difficulty import Difficulty
from mvd.config.recipes import resolve_model
from mvd.errors import ConfigError


def _any(value: object) -> Any:
    """Hide a value from the type checker, which knows better."""
    return value


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RunConfig(seed=_any("1")), "seed: expected a whole number, found '1'"),
        (lambda: RunConfig(data=_any({"height": 48})), r"data: expected a DataConfig, found \{'height': 48\}"),
        (lambda: RunConfig(schedule=_any("cosine")), "schedule: expected a CosineSchedule or a StepSchedule or"),
        (lambda: SamplingConfig(identities=_any(4.0)), r"sampling.identities: expected a whole number, found 4\.0"),
        (lambda: SamplingConfig(identities=_any(True)), "sampling.identities: expected a whole number, found True"),
        (lambda: OptimizerConfig(lr=_any(torch.tensor(0.1))), "optimizer.lr: expected a number, found tensor"),
        (
            lambda: RuntimeConfig(precision=_any("float32")),
            "runtime.precision: expected one of auto, .*, found 'float32'",
        ),
        (lambda: RuntimeConfig(compile=_any(1)), "runtime.compile: expected True or False or one of auto, found 1"),
        (lambda: LossConfig(metric=_any("tripplet")), "losses.metric: expected one of .*, found 'tripplet'"),
        (lambda: LossConfig(extra=_any("a.py:loss")), "losses.extra: expected several values, found 'a.py:loss'"),
        (lambda: ModelConfig(encoder=_any(len)), "model.encoder: expected text or nothing, found <built-in"),
        (lambda: AugmentConfig(erase_area=_any((0.1,))), r"augment.erase_area: expected 2 values, found \(0\.1,\)"),
        (lambda: AugmentConfig(streams=_any(5)), "augment.streams: expected one of 2, 3, 4, found 5"),
        (lambda: Machine(precision=_any("fp64")), "precision: expected one of auto, fp32, tf32, bf16, found 'fp64'"),
        (lambda: Difficulty(noise=_any("much")), "noise: expected a number, found 'much'"),
        (lambda: OptimizerConfig(lr=float("inf")), "optimizer.lr: expected a finite number, found inf"),
        (lambda: LossConfig(margin=float("nan")), "losses.margin: expected a finite number, found nan"),
        (lambda: AugmentConfig(erase_area=(0.1, float("inf"))), "augment.erase_area: expected a finite number, found"),
        (
            lambda: OptimizerConfig(weight_decay=_any(np.float32("inf"))),
            "optimizer.weight_decay: expected a finite number",
        ),
    ],
)
def test_a_value_of_another_type_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        make()


def test_numbers_and_devices_of_other_libraries_become_pythons_own() -> None:
    config = RunConfig(
        seed=_any(np.int64(3)),
        data=DataConfig(height=_any(np.int32(48))),
        augment=AugmentConfig(erase_area=_any([np.float64(0.1), 0.2])),
        optimizer=OptimizerConfig(lr=_any(np.float64(0.5))),
        runtime=RuntimeConfig(device=_any(torch.device("cuda:1")), deterministic=_any(np.bool_(True))),
    )
    plain = RunConfig(
        seed=3,
        data=DataConfig(height=48),
        augment=AugmentConfig(erase_area=(0.1, 0.2)),
        optimizer=OptimizerConfig(lr=0.5),
        runtime=RuntimeConfig(device="cuda:1", deterministic=True),
    )
    assert config == plain
    assert from_json(to_json(config), "config.json") == plain
    assert to_json(config) == to_json(plain)
    assert replace(config, seed=4).seed == 4


def test_changes_and_fields_of_a_network_take_numpys_numbers() -> None:
    changed = apply_changes(RunConfig(), {"schedule.epochs": np.int64(80), "optimizer.lr": np.float64(0.5)})
    assert (changed.schedule.epochs, changed.optimizer.lr) == (80, 0.5)
    assert resolve_model("mvd", {"base_width": np.int64(8)}).base_width == 8
