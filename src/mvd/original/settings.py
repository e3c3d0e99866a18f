"""Convert arguments that affect a run's computation to a configuration, and translate names in messages.

An argument that is not given does not change its field: a new run has the value of `RELEASE`, a resumed run its own.
The only exception is the learning rate of a new run, which depends on the optimizer.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any, Literal

from mvd.config import EpochSchedule, RunConfig, Schedule
from mvd.config.recipes import RECIPES
from mvd.errors import ConfigError

_RECIPE = RECIPES["mvd-mindspore"]

RELEASE = replace(
    _RECIPE,
    data=replace(_RECIPE.data, train_on="train"),
    optimizer=replace(_RECIPE.optimizer, lr=3.5e-3),
    runtime=replace(_RECIPE.runtime, log_every=100, validate_every=1, compile=False, embed_batch=64),
)
"""Default configuration of a new run: the recipe, with the settings of the release's README and scripts.

The learning rate is that of README and scripts; the recipe has that of the code, which is a tenth of it. Each epoch
ends with a validation on held-out identities; the release validates on the test identities.
"""

SGD_LR = 0.1
"""The learning rate for SGD in the release's README."""

_MOST_EPOCHS = 100_000
"""The latest epoch of a drop; a configuration lists the epochs of all drops."""

_FIELDS = {
    "ms_mode": "runtime.compile",
    "train_on": "data.train_on",
    "trial": "data.trial",
    "img_h": "data.height",
    "img_w": "data.width",
    "batch_size": "sampling.identities",
    "num_pos": "sampling.pictures",
    "test_batch": "runtime.embed_batch",
    "arch": "model.arch",
    "z_dim": "model.z_dim",
    "drop": "model.dropout",
    "loss_func": "losses.metric_weight",
    "triloss": "losses.metric",
    "margin": "losses.margin",
    "optim": "optimizer.kind",
    "lr": "optimizer.lr",
    "epoch": "schedule.epochs",
    "warmup_steps": "schedule.warmup_epochs",
    "decay_factor": "schedule.gamma",
    "print_per_step": "runtime.log_every",
}
"""Field of each argument; `configure` handles arguments that do not correspond to a single field."""

_VALUES: dict[str, dict[object, object]] = {
    "ms_mode": {"GRAPH_MODE": True, "PYNATIVE_MODE": False},
    "loss_func": {"id": 0.0, "id+tri": 1.0},
    "triloss": {"OriTri": "triplet", "CenterTri": "centre"},
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The arguments that affect a run's computation (docs/from-the-original.md); None means not given."""

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
    """Build the configuration of a new run.

    Raises:
        ConfigError: a value is out of range.
    """
    if settings.lr is None and settings.optim == "sgd":
        settings = replace(settings, lr=SGD_LR)
    return configure(replace(settings, ms_mode=settings.ms_mode or "GRAPH_MODE"), RELEASE)


def configure(settings: Settings, base: RunConfig) -> RunConfig:
    """Apply the given arguments to a configuration.

    Raises:
        ConfigError: a value is out of range, or the first drop comes after the last.
    """
    changes: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for argument, path in _FIELDS.items():
        value = getattr(settings, argument)
        if value is not None:
            part, _, name = path.partition(".")
            changes[part][name] = _VALUES[argument][value] if argument in _VALUES else value
    if settings.z_dim is not None:
        changes["model"]["classifier_width"] = settings.z_dim // 2
    if (settings.start_decay, settings.end_decay, settings.decay_factor) != (None, None, None):
        changes["schedule"]["milestones"] = _milestones(settings, base.schedule)
    return replace(base, **{part: replace(getattr(base, part), **fields) for part, fields in changes.items()})


def _milestones(settings: Settings, schedule: Schedule) -> tuple[int, ...]:
    if not isinstance(schedule, EpochSchedule):
        raise ConfigError(
            "--start_decay, --end_decay, --decay_factor: expected a run that train.py started, found one of another "
            "schedule; omit them"
        )
    first = schedule.milestones[0] if settings.start_decay is None else settings.start_decay
    last = schedule.milestones[-1] if settings.end_decay is None else settings.end_decay
    if not 1 <= first <= last <= _MOST_EPOCHS:
        raise ConfigError(
            f"--start_decay, --end_decay: expected epochs from 1 to {_MOST_EPOCHS}, the first drop no later than the "
            f"last, found {first} and {last}"
        )
    return tuple(range(first, last + 1))


_ARGUMENTS = {path: argument for argument, path in _FIELDS.items()} | {
    "runtime.compile": "MSmode",
    "runtime.device": "device_target",
    "schedule.milestones": "start_decay",
}


def in_original_words(message: str) -> str:
    """Replace fields, flags and commands of `mvd` in a message by the arguments of train.py.

    >>> in_original_words("lower --sampling.identities to 3")
    'lower --batch_size to 3'
    """

    def translate(found: re.Match[str]) -> str:
        argument = _ARGUMENTS.get(found[1].replace("-", "_"))
        return found[0] if argument is None else f"--{argument}"

    named = re.sub(r"(?<![\w./-])(?:--)?([a-z]+\.[a-z_-]+)", translate, message)
    return named.replace("mvd train --resume", "python train.py --resume").replace(
        "--device_target cpu", "--device_target CPU"
    )
