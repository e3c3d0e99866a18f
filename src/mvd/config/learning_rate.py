"""The learning rate as a pure function of the step, so that a resumed run needs no scheduler state."""

from __future__ import annotations

import math

from mvd.config import CosineSchedule, EpochSchedule, Schedule, StepSchedule


def lr_factor(schedule: Schedule, step: int, steps_per_epoch: int) -> float:
    """Compute the learning rate of a step, as a factor of the peak learning rate.

    Args:
        schedule: the curve.
        step: number of the step, from 0, counted over all epochs.
        steps_per_epoch: steps per epoch.

    Returns:
        A factor from 0 to 1.

    Example:
        >>> schedule = StepSchedule(epochs=4, warmup_epochs=1, warmup_start=0.5, milestones=(3,))
        >>> [lr_factor(schedule, step, steps_per_epoch=2) for step in range(8)]
        [0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 0.1, 0.1]
    """
    if isinstance(schedule, EpochSchedule):
        return _epoch_factor(schedule, step // steps_per_epoch + 1)
    warmup = schedule.warmup_epochs * steps_per_epoch
    if step < warmup:
        return schedule.warmup_start + (1 - schedule.warmup_start) * step / warmup
    match schedule:
        case CosineSchedule():
            # The last step reaches `final`.
            rest = max(schedule.epochs * steps_per_epoch - 1 - warmup, 1)
            progress = min((step - warmup) / rest, 1.0)
            return schedule.final + (1 - schedule.final) * (1 + math.cos(math.pi * progress)) / 2
        case StepSchedule():
            epoch = step // steps_per_epoch
            return schedule.gamma ** sum(epoch >= milestone for milestone in schedule.milestones)


def _epoch_factor(schedule: EpochSchedule, number: int) -> float:
    """Compute the factor of an epoch, counted from 1; milestones count during the warm-up too."""
    reached = min(number / schedule.warmup_epochs, 1.0) if schedule.warmup_epochs else 1.0
    drops = sum(number >= milestone for milestone in schedule.milestones)
    return (schedule.warmup_start + (1 - schedule.warmup_start) * reached) * schedule.gamma**drops
