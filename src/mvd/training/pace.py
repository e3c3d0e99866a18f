"""What is due after a step of a run: a log line, a validation, its end."""

from __future__ import annotations

from typing import NamedTuple

from mvd.config import RunConfig


class Due(NamedTuple):
    """What is due after a step.

    Attributes:
        epoch: whole epochs taken.
        last: whether the run is at its end.
        validate: whether the network is validated, and a checkpoint written.
        log: whether a line is logged.
    """

    epoch: int
    last: bool
    validate: bool
    log: bool


def due_after(config: RunConfig, step: int, steps: int) -> Due:
    """Tell what is due after a step.

    Args:
        config: the run.
        step: steps taken.
        steps: in an epoch.

    Example:
        >>> due_after(RunConfig(), step=50, steps=10)
        Due(epoch=5, last=False, validate=True, log=True)
    """
    epoch, within = divmod(step, steps)
    last = epoch == config.schedule.epochs and within == 0
    validate = within == 0 and (last or epoch % config.runtime.validate_every == 0)
    return Due(epoch, last, validate, log=step % config.runtime.log_every == 0 or validate)
