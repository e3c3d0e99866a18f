"""From the arguments that decide what a run computes to a configuration, and back to their names in messages.

An argument that is not given leaves what it stands for as it is: in a new run at the values of `RELEASE`, in a run
that goes on at its own. The one exception is the learning rate of a new run, which depends on the optimiser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from mvd.config import EpochSchedule, LossConfig, RunConfig, Schedule
from mvd.config.recipes import RECIPES
from mvd.errors import ConfigError

_RECIPE = RECIPES["mvd-mindspore"]

RELEASE = replace(
    _RECIPE,
    data=replace(_RECIPE.data, train_on="train"),
    optimizer=replace(_RECIPE.optimizer, lr=3.5e-3),
    runtime=replace(_RECIPE.runtime, log_every=100, validate_every=1, compile=False, embed_batch=64),
)
"""What a new run computes unless told otherwise: the recipe, with what the release's README and scripts say.

Theirs is the learning rate; the recipe has that of the code, a tenth. Each epoch ends with a validation, and so some
people are held out for it, where the release validates on the people of the test.
"""

SGD_LR = 0.1
"""The learning rate of the release's README for SGD."""

Part = TypeVar("Part")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The arguments that decide what a run computes; None was not given.

    Attributes:
        ms_mode: whether the network is compiled.
        train_on: whom to train on; ours, see `mvd.config.DataConfig`.
        trial: split of RegDB.
        img_h: height of the pictures in pixels.
        img_w: width of the pictures in pixels.
        batch_size: identities in a batch.
        num_pos: pictures of each identity and modality in a batch.
        test_batch: pictures in a batch when descriptors are computed.
        arch: the encoder.
        z_dim: width of the representation; its classifier is half as wide.
        drop: dropout in that classifier.
        loss_func: with or without the metric loss.
        triloss: which metric loss.
        margin: its margin.
        optim: the optimiser.
        lr: peak learning rate.
        epoch: epochs in all.
        warmup_steps: the epoch that reaches the peak learning rate.
        start_decay: first epoch in which the rate drops.
        end_decay: last epoch in which the rate drops.
        decay_factor: factor of each drop.
        print_per_step: steps between log lines.
    """

    ms_mode: Literal["GRAPH_MODE", "PYNATIVE_MODE"] | None = None
    train_on: Literal["train", "train+validation"] | None = None
    trial: int | None = None
    img_h: int | None = None
    img_w: int | None = None
    batch_size: int | None = None
    num_pos: int | None = None
    test_batch: int | None = None
    arch: str | None = None
    z_dim: int | None = None
    drop: float | None = None
    loss_func: Literal["id", "id+tri"] | None = None
    triloss: Literal["OriTri", "CenterTri"] | None = None
    margin: float | None = None
    optim: Literal["adam", "sgd"] | None = None
    lr: float | None = None
    epoch: int | None = None
    warmup_steps: int | None = None
    start_decay: int | None = None
    end_decay: int | None = None
    decay_factor: float | None = None
    print_per_step: int | None = None


def new_run(settings: Settings) -> RunConfig:
    """Make the configuration of a new run.

    Raises:
        ConfigError: a value is out of range.
    """
    if settings.lr is None and settings.optim == "sgd":
        settings = replace(settings, lr=SGD_LR)
    return configure(replace(settings, ms_mode=settings.ms_mode or "GRAPH_MODE"), RELEASE)


def configure(settings: Settings, base: RunConfig) -> RunConfig:
    """Apply what was given to a configuration.

    Raises:
        ConfigError: a value is out of range, or the first drop comes after the last.
    """
    width = None if settings.z_dim is None else settings.z_dim // 2
    return replace(
        base,
        data=_change(
            base.data,
            height=settings.img_h,
            width=settings.img_w,
            trial=settings.trial,
            train_on=settings.train_on,
        ),
        sampling=_change(base.sampling, identities=settings.batch_size, pictures=settings.num_pos),
        model=_change(
            base.model, arch=settings.arch, z_dim=settings.z_dim, classifier_width=width, dropout=settings.drop
        ),
        losses=_losses(settings, base.losses),
        optimizer=_change(base.optimizer, kind=settings.optim, lr=settings.lr),
        schedule=_schedule(settings, base.schedule),
        runtime=_change(
            base.runtime,
            compile=None if settings.ms_mode is None else settings.ms_mode == "GRAPH_MODE",
            embed_batch=settings.test_batch,
            log_every=settings.print_per_step,
        ),
    )


def _losses(settings: Settings, base: LossConfig) -> LossConfig:
    metrics = {"OriTri": "triplet", "CenterTri": "centre", None: None}
    weights = {"id": 0.0, "id+tri": 1.0, None: None}
    return _change(
        base,
        metric=metrics[settings.triloss],
        metric_weight=weights[settings.loss_func],
        margin=settings.margin,
    )


def _schedule(settings: Settings, base: Schedule) -> Schedule:
    changed = _change(base, epochs=settings.epoch, warmup_epochs=settings.warmup_steps)
    given = settings.start_decay, settings.end_decay, settings.decay_factor
    if given == (None, None, None):
        return changed
    if not isinstance(changed, EpochSchedule):
        raise ConfigError(
            "--start_decay, --end_decay, --decay_factor: expected a run that train.py started, found one of another "
            "schedule; leave them away"
        )
    first = changed.milestones[0] if settings.start_decay is None else settings.start_decay
    last = changed.milestones[-1] if settings.end_decay is None else settings.end_decay
    if not 1 <= first <= last:
        raise ConfigError(
            f"--start_decay, --end_decay: expected epochs from 1, the first drop no later than the last, "
            f"found {first} and {last}"
        )
    return _change(changed, milestones=tuple(range(first, last + 1)), gamma=settings.decay_factor)


def _change(part: Part, **given: Any) -> Part:
    return replace(part, **{name: value for name, value in given.items() if value is not None})  # type: ignore[type-var]


_ARGUMENTS = {
    "data.height": "img_h",
    "data.width": "img_w",
    "data.trial": "trial",
    "data.train_on": "train_on",
    "sampling.identities": "batch_size",
    "sampling.pictures": "num_pos",
    "model.arch": "arch",
    "model.z_dim": "z_dim",
    "model.dropout": "drop",
    "losses.metric": "triloss",
    "losses.metric_weight": "loss_func",
    "losses.margin": "margin",
    "optimizer.kind": "optim",
    "optimizer.lr": "lr",
    "schedule.epochs": "epoch",
    "schedule.warmup_epochs": "warmup_steps",
    "schedule.milestones": "start_decay",
    "schedule.gamma": "decay_factor",
    "runtime.compile": "MSmode",
    "runtime.device": "device_target",
    "runtime.embed_batch": "test_batch",
    "runtime.log_every": "print_per_step",
}


def in_original_words(message: str) -> str:
    """Say the arguments of train.py where a message names fields, flags or the command of `mvd`."""

    def translate(found: re.Match[str]) -> str:
        argument = _ARGUMENTS.get(found[1].replace("-", "_"))
        return found[0] if argument is None else f"--{argument}"

    named = re.sub(r"(?<![\w./-])(?:--)?([a-z]+\.[a-z_-]+)", translate, message)
    for ours, theirs in (
        ("mvd train --resume", "python train.py --resume"),
        ("--device_target cpu", "--device_target CPU"),
    ):
        named = named.replace(ours, theirs)
    return named
