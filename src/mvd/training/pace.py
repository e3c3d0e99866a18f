"""Schedule of a run: whether a log line, a validation or the end is due after a step."""

from __future__ import annotations

from typing import NamedTuple

from mvd.config import RunConfig


class Due(NamedTuple):
    """The actions that are due after a step.

    Attributes:
        epoch: number of complete epochs.
        last: whether the run ends.
        validate: whether to validate and to write a checkpoint.
        log: whether to write a log line.
    """

    epoch: int
    last: bool
    validate: bool
    log: bool


def due_after(config: RunConfig, step: int, steps: int) -> Due:
    """Return what is due after a step.

    Args:
        config: configuration of the run.
        step: number of steps taken.
        steps: steps per epoch.

    Example:
        >>> due_after(RunConfig(), step=50, steps=10)
        Due(epoch=5, last=False, validate=True, log=True)
    """
    epoch, within = divmod(step, steps)
    last = epoch == config.schedule.epochs and within == 0
    validate = within == 0 and (last or epoch % config.runtime.validate_every == 0)
    return Due(epoch, last, validate, log=step % config.runtime.log_every == 0 or validate)
