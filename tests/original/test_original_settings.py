"""Arguments as configurations: each where it belongs, and nothing else changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mvd.config import CosineSchedule, EpochSchedule, RunConfig
from mvd.config.recipes import RECIPES
from mvd.errors import ConfigError
from mvd.original import settings
from mvd.original.settings import Settings, configure, in_original_words, new_run


def field(config: RunConfig, path: str) -> Any:
    value: Any = config
    for name in path.split("."):
        value = getattr(value, name)
    return value


@pytest.mark.parametrize(
    ("argument", "value", "path", "expected"),
    [
        ("ms_mode", "GRAPH_MODE", "runtime.compile", True),
        ("ms_mode", "PYNATIVE_MODE", "runtime.compile", False),
        ("train_on", "train+validation", "data.train_on", "train+validation"),
        ("trial", 7, "data.trial", 7),
        ("img_h", 64, "data.height", 64),
        ("img_w", 48, "data.width", 48),
        ("batch_size", 5, "sampling.identities", 5),
        ("num_pos", 6, "sampling.pictures", 6),
        ("test_batch", 7, "runtime.embed_batch", 7),
        ("arch", "resnet34", "model.arch", "resnet34"),
        ("z_dim", 100, "model.z_dim", 100),
        ("z_dim", 100, "model.classifier_width", 50),
        ("drop", 0.0, "model.dropout", 0.0),
        ("loss_func", "id", "losses.metric_weight", 0.0),
        ("loss_func", "id+tri", "losses.metric_weight", 1.0),
        ("triloss", "OriTri", "losses.metric", "triplet"),
        ("triloss", "CenterTri", "losses.metric", "centre"),
        ("margin", 0.0, "losses.margin", 0.0),
        ("optim", "sgd", "optimizer.kind", "sgd"),
        ("lr", 0.5, "optimizer.lr", 0.5),
        ("epoch", 9, "schedule.epochs", 9),
        ("warmup_steps", 0, "schedule.warmup_epochs", 0),
        ("start_decay", 20, "schedule.milestones", tuple(range(20, 28))),
        ("end_decay", 16, "schedule.milestones", (15, 16)),
        ("decay_factor", 0.5, "schedule.gamma", 0.5),
        ("print_per_step", 3, "runtime.log_every", 3),
    ],
)
def test_an_argument_changes_its_field(argument: str, value: Any, path: str, expected: Any) -> None:
    config = configure(Settings(**{argument: value}), settings.RELEASE)
    assert field(config, path) == expected


def test_what_is_not_given_is_left_as_it_is() -> None:
    for base in (settings.RELEASE, *RECIPES.values()):
        assert configure(Settings(), base) == base


def test_a_new_run_is_the_recipe_with_the_rate_of_the_readme_and_validation() -> None:
    recipe, config = RECIPES["mvd-mindspore"], new_run(Settings())
    assert (config.optimizer.lr, config.data.train_on, config.runtime.validate_every) == (0.0035, "train", 1)
    assert (config.losses, config.schedule, config.augment) == (recipe.losses, recipe.schedule, recipe.augment)
    assert config.schedule == EpochSchedule(epochs=80, warmup_epochs=5, milestones=tuple(range(15, 28)), gamma=0.1)
    assert config.runtime.compile
    assert new_run(Settings(optim="sgd")).optimizer.lr == 0.1
    assert new_run(Settings(optim="sgd", lr=0.01)).optimizer.lr == 0.01


@pytest.mark.parametrize(
    ("wrong", "found"),
    [(Settings(start_decay=30), "30 and 27"), (Settings(end_decay=10**11), f"15 and {10**11}")],
)
def test_drops_that_end_before_they_start_or_never_are_refused(wrong: Settings, found: str) -> None:
    with pytest.raises(ConfigError, match=f"--start_decay, --end_decay: expected .*, found {found}"):
        new_run(wrong)


def test_the_decay_of_a_run_with_another_schedule_is_not_its() -> None:
    with pytest.raises(ConfigError, match="--decay_factor"):
        configure(Settings(decay_factor=0.5), replace(settings.RELEASE, schedule=CosineSchedule()))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("optimizer.lr: expected above 0, found 0", "--lr: expected above 0, found 0"),
        ("lower --sampling.identities to 3", "lower --batch_size to 3"),
        ("model.z_dim 5 instead of 6", "--z_dim 5 instead of 6"),
        ("schedule.warmup-epochs: expected", "--warmup_steps: expected"),
        ("go on with: mvd train --resume runs/x", "go on with: python train.py --resume runs/x"),
        ("/data/model.arch/cam1: expected", "/data/model.arch/cam1: expected"),
        ("augment.pad: expected 0 or more", "augment.pad: expected 0 or more"),
    ],
)
def test_messages_name_the_arguments_of_the_release(message: str, expected: str) -> None:
    assert in_original_words(message) == expected
