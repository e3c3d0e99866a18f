"""The state of a run to the disk and back: what a checkpoint holds, when one is written, and how to go on from it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial

from mvd.config import RunConfig
from mvd.engine import Embed, Observer, Ranks
from mvd.errors import TrainingError
from mvd.inference.embed import describe
from mvd.models.state import network_tensors, restore_network
from mvd.runs import CheckpointMeta, RunFolder, check_finite, load_checkpoint
from mvd.training.logging import StepLogger, gone_wrong
from mvd.training.optim import optimizer_tensors, restore_optimizer
from mvd.training.step import TrainState

Validate = Callable[[Embed], Mapping[str, float]]


def restore(state: TrainState, log: StepLogger, run: RunFolder, ranks: Ranks) -> None:
    """Put a run's last checkpoint in the place of a state and of what is not logged yet.

    Only the first process reads it, so a run folder need not be in reach of every machine.

    Raises:
        CheckpointError: it cannot be read, or does not fit.
    """
    file = run.checkpoint("last")
    tensors, meta = ranks.first(lambda: load_checkpoint(file))
    restore_network(state.network, tensors, file)
    restore_optimizer(state.optimizer, state.network, tensors)
    state.step, state.best, state.best_step = meta.step, meta.best, meta.best_step
    log.restore(meta.unlogged)


class CheckpointWriter:
    """Writes the checkpoints of a run; of the processes that share it, the first does."""

    def __init__(self, run: RunFolder, config: RunConfig, observer: Observer, ranks: Ranks) -> None:
        self.run = run
        self.config = config
        self.observer = observer
        self.ranks = ranks
        self.since = time.monotonic()

    def is_due(self) -> bool:
        """Tell whether the last checkpoint was written so long ago that another one should be."""
        return time.monotonic() - self.since >= 60 * self.config.runtime.checkpoint_minutes

    def write(self, state: TrainState, log: StepLogger, *, epoch: int, validate: Validate | None) -> None:
        """Write a checkpoint, after a validation if one is due; the weights are kept as the best if they are.

        The last is written before the best: should the run be killed in between, `mvd.runs.recover` makes the best from
        it.

        Args:
            state: between two steps; its best figure is brought up to date.
            log: what it has not logged yet goes into the checkpoint.
            epoch: whole epochs taken.
            validate: measures the network as it stands; None if no validation is due.

        Raises:
            TrainingError: a loss or a weight is not finite; nothing is written then.
            RunError: it cannot be written.
        """
        unlogged = log.unlogged()
        weights = network_tensors(state.network)
        if (name := check_finite(weights)) is not None:
            raise TrainingError(gone_wrong(self.run, state.step, f"weights {name}", "not finite"))
        metrics: dict[str, float] = {}
        best = False
        if validate is not None:
            metrics = dict(validate(partial(describe, state.network, self.config.runtime, share=self.ranks)))
            best = state.best is None or metrics["mAP"] > state.best
        if best:
            state.best, state.best_step = metrics["mAP"], state.step
        meta = CheckpointMeta(
            step=state.step,
            epoch=epoch,
            metrics=metrics,
            best=state.best,
            best_step=state.best_step,
            unlogged=unlogged,
        )

        def write() -> None:
            if metrics:
                self.run.log({"step": state.step, "epoch": epoch, "validation": metrics, "best": best})
            optimizer = optimizer_tensors(state.optimizer, state.network)
            self.run.save_checkpoint("last", {**weights, **optimizer}, meta)
            if best:
                self.run.save_checkpoint("best", weights, meta)

        self.ranks.first(write)
        self.since = time.monotonic()
        if metrics:
            self.observer.validated(epoch, metrics, best=best)
