"""Configurations: JSON there and back, and every wrong field named."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from mvd.config import (
    AugmentConfig,
    CosineSchedule,
    DataConfig,
    EpochSchedule,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    RunConfig,
    RuntimeConfig,
    SamplingConfig,
    StepSchedule,
    from_json,
    to_json,
)
from mvd.config.recipes import RECIPES, resolve_config
from mvd.errors import ConfigError


@pytest.mark.parametrize(
    "config",
    [
        *RECIPES.values(),
        RunConfig(schedule=StepSchedule(epochs=7, milestones=(2, 5))),
        RunConfig(schedule=EpochSchedule()),
        RunConfig(
            model=ModelConfig(encoder="my.py:make"), losses=LossConfig(extra=("a=pkg.mod:f*0.5", "b=C:/x/y.py:g.h"))
        ),
    ],
)
def test_json_round_trip_is_exact(config: RunConfig) -> None:
    assert from_json(to_json(config), "config.json") == config


def test_fields_that_are_left_out_get_their_defaults() -> None:
    assert from_json('{"model": {"arch": "resnet18"}}', "x") == replace(RunConfig(), model=ModelConfig(arch="resnet18"))


def test_absurd_settings_are_refused_before_they_fill_the_memory() -> None:
    for make, message in (
        (lambda: AugmentConfig(pad=10**6), "augment.pad: expected at most 4096, found 1000000"),
        (lambda: ModelConfig(base_width=10**7), "model widths: expected at most 65536"),
        (lambda: ModelConfig(base_width=2000), "model.base_width: expected at most 1024"),
        (lambda: DataConfig(height=10**6), "data.height: expected at most 4096"),
        (lambda: SamplingConfig(pictures=10**6), "sampling.pictures: expected at most 4096"),
        (lambda: CosineSchedule(epochs=10**9), "schedule.epochs: expected at most 10000000"),
        (lambda: RuntimeConfig(workers=10**6), "runtime.workers: expected at most 1024"),
    ):
        with pytest.raises(ConfigError, match=message):
            make()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sed": 1}, r"extra fields found \(sed\) @ config"),
        ({"seed": "1"}, r"expected int, found '1' @ config\.seed"),
        ({"seed": True}, r"expected int, found True @ config\.seed"),
        ({"model": {"arch": "vgg16"}}, r"expected one of resnet18, .*, found 'vgg16' @ config\.model\.arch"),
        ({"model": {"neck_bias": 1}}, r"expected bool, found 1 @ config\.model\.neck_bias"),
        (
            {"schedule": {"kind": "CosineSchedule", "epochs": 2.5}},
            r"expected int, found 2\.5 @ config\.schedule\.epochs",
        ),
        ({"data": {"height": 3}}, r"data\.height: expected at least 16, found 3"),
        ([], "expected the configuration of a run"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_expected(wrong: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"config\.json: .*{message}"):
        from_json(json.dumps(wrong), "config.json")


def test_what_is_no_json_is_said_to_be_none() -> None:
    with pytest.raises(ConfigError, match=r"config\.json: expected JSON"):
        from_json('{"seed": ', "config.json")


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: DataConfig(width=8), "data.width"),
        (lambda: SamplingConfig(identities=1), "sampling.identities"),
        (lambda: SamplingConfig(pictures=0), "sampling.pictures"),
        (lambda: AugmentConfig(flip=1.5), "augment.flip"),
        (lambda: AugmentConfig(erase_area=(0.5, 0.2)), "augment.erase_area"),
        (lambda: ModelConfig(dropout=1.0), "model.dropout"),
        (lambda: LossConfig(vsd_weight=-1), "losses.vsd_weight"),
        (lambda: LossConfig(temperature=0), "losses.temperature"),
        (lambda: OptimizerConfig(lr=0), "optimizer.lr"),
        (lambda: CosineSchedule(epochs=0), "schedule.epochs"),
        (lambda: StepSchedule(milestones=(5, 2)), "schedule.milestones"),
        (lambda: EpochSchedule(gamma=0), "schedule.gamma"),
        (lambda: RuntimeConfig(log_every=0), "runtime.log_every"),
        (lambda: RunConfig(seed=-1), "seed"),
    ],
)
def test_values_out_of_range_are_refused_by_name(make: Any, field: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{field.replace('.', r'[.]')}: expected .*, found "):
        make()


def test_extra_losses_are_read_with_name_path_and_weight() -> None:
    losses = LossConfig(extra=("a=pkg.mod:f*0.5", "b=C:/x/y.py:g.h")).extra_losses
    assert [tuple(loss) for loss in losses] == [("a", "pkg.mod:f", 0.5), ("b", "C:/x/y.py:g.h", 1.0)]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (("pkg.mod:f",), "NAME=package.module:name"),
        (("a=pkg.mod",), "found 'a=pkg.mod'"),
        (("a b=pkg.mod:f",), "found 'a b=pkg.mod:f'"),
        (("a=pkg.mod:f*x",), "found 'a=pkg.mod:f*x'"),
        (("a=pkg.mod:f*-1",), "found 'a=pkg.mod:f*-1'"),
        (("a=pkg.mod:f*inf",), "found 'a=pkg.mod:f*inf'"),
        (("vsd=pkg.mod:f",), "another name than identity"),
        (("total=pkg.mod:f",), "another name than identity"),
        (("a=pkg.mod:f", "a=pkg.mod:g"), "a name for each loss, found a, a"),
    ],
)
def test_an_extra_loss_of_another_form_is_refused(extra: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=rf"^losses\.extra: expected .*{re.escape(message)}"):
        LossConfig(extra=extra)


def test_an_own_encoder_has_one_stem() -> None:
    with pytest.raises(ConfigError, match=r"^model\.stems: expected \"shared\" with model\.encoder"):
        ModelConfig(encoder="my.py:make", encoders="shared", stems="specific")


def test_a_run_is_a_configuration_or_the_name_of_a_recipe() -> None:
    assert resolve_config("agw") is resolve_config(RECIPES["agw"]) is RECIPES["agw"]
    with pytest.raises(ConfigError, match=r"^recipe: expected one of mvd, .*, found 'resnet'$"):
        resolve_config("resnet")
    for wrong in (RunConfig().model, {"seed": 1}, None):
        message = rf"^config: expected a RunConfig or the name of a recipe, found {type(wrong).__name__}$"
        with pytest.raises(ConfigError, match=message):
            resolve_config(wrong)  # type: ignore[arg-type]
