"""The optimizer and the learning-rate schedules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from mvd.config.checks import require, require_at_most
from mvd.config.types import check_types


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """The optimizer.

    Attributes:
        kind: "adam" (weight decay added to the gradient), "adamw" (decoupled) or "sgd" (Nesterov momentum 0.9).
        lr: peak learning rate.
        encoder_lr_scale: factor on the learning rate of the encoders, which may be pre-trained.
        weight_decay: coefficient of the weight decay.
        decay: "matrices" applies weight decay to matrices and filters, not to norms and biases; "all" to every
            parameter, as the released codes do.
        clip_norm: largest L2 norm of the gradient; 0 does not clip.
        ema: decay per step of the exponential moving average of weights and running statistics, such as 0.999; 0: no
            average. If there is one, it is validated, tested and exported. The decay at step t, from 0, is at most
            1 - 9 / (10 + t).
    """

    kind: Literal["adam", "adamw", "sgd"] = "adam"
    lr: float = 3.5e-4
    encoder_lr_scale: float = 1.0
    weight_decay: float = 5e-4
    decay: Literal["matrices", "all"] = "matrices"
    clip_norm: float = 0.0
    ema: float = 0.0

    def __post_init__(self) -> None:
        check_types(self, "optimizer.")
        require(self.lr > 0, "optimizer.lr", "above 0", self.lr)
        require(self.encoder_lr_scale >= 0, "optimizer.encoder_lr_scale", "0 or more", self.encoder_lr_scale)
        require(self.weight_decay >= 0, "optimizer.weight_decay", "0 or more", self.weight_decay)
        require(self.clip_norm >= 0, "optimizer.clip_norm", "0 or more", self.clip_norm)
        require(0 <= self.ema < 1, "optimizer.ema", "from 0 to below 1", self.ema)


@dataclass(frozen=True, kw_only=True)
class CosineSchedule:
    """Linear warm-up, then half a cosine down to `final` times the peak.

    Attributes:
        epochs: number of epochs.
        warmup_epochs: epochs in which the rate rises from `warmup_start` times the peak to the peak.
        warmup_start: factor at the first step.
        final: factor at the last step.
    """

    epochs: int = 60
    warmup_epochs: float = 5.0
    warmup_start: float = 0.01
    final: float = 0.001

    def __post_init__(self) -> None:
        check_types(self, "schedule.")
        _require_warmup(self)
        require(0 <= self.final <= 1, "schedule.final", "a factor from 0 to 1", self.final)


@dataclass(frozen=True, kw_only=True)
class StepSchedule:
    """Linear warm-up, then the peak rate, multiplied by `gamma` at each milestone.

    Attributes:
        epochs: number of epochs.
        warmup_epochs: epochs in which the rate rises from `warmup_start` times the peak to the peak.
        warmup_start: factor at the first step.
        milestones: epochs, counted from 0, at whose first step the rate drops.
        gamma: factor of each drop.
    """

    epochs: int = 80
    warmup_epochs: float = 10.0
    warmup_start: float = 0.1
    milestones: tuple[int, ...] = (20, 50)
    gamma: float = 0.1

    def __post_init__(self) -> None:
        check_types(self, "schedule.")
        _require_warmup(self)
        _require_drops(self)


@dataclass(frozen=True, kw_only=True)
class EpochSchedule:
    """The schedule of both releases: constant within an epoch, linear warm-up, `gamma` at each milestone.

    Epochs count from 1. The defaults are the MindSpore release's, which ends at 1e-13 times the peak. The PyTorch
    release has 600 epochs, a warm-up of 10 from 0.01 and one milestone, 210.

    Attributes:
        epochs: number of epochs.
        warmup_epochs: the epoch that reaches the peak; the epochs before it lie on a line from `warmup_start`.
        warmup_start: factor of the line at epoch 0, which is not trained.
        milestones: epochs, counted from 1, at whose first step the rate drops.
        gamma: factor of each drop.
    """

    epochs: int = 80
    warmup_epochs: float = 5.0
    warmup_start: float = 0.0
    milestones: tuple[int, ...] = tuple(range(15, 28))
    gamma: float = 0.1

    def __post_init__(self) -> None:
        check_types(self, "schedule.")
        _require_warmup(self)
        _require_drops(self)


Schedule: TypeAlias = CosineSchedule | StepSchedule | EpochSchedule


def _require_warmup(schedule: Schedule) -> None:
    require(schedule.epochs >= 1, "schedule.epochs", "at least 1", schedule.epochs)
    require_at_most(10**7, schedule__epochs=schedule.epochs)
    require(schedule.warmup_epochs >= 0, "schedule.warmup_epochs", "0 or more", schedule.warmup_epochs)
    require(0 <= schedule.warmup_start <= 1, "schedule.warmup_start", "a factor from 0 to 1", schedule.warmup_start)


def _require_drops(schedule: StepSchedule | EpochSchedule) -> None:
    milestones = schedule.milestones
    require(list(milestones) == sorted(set(milestones)), "schedule.milestones", "ascending", milestones)
    require(schedule.gamma > 0, "schedule.gamma", "above 0", schedule.gamma)
