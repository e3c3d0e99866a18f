"""Checkpoints of a run: what they hold, when they are written, and restoring one."""

from __future__ import annotations

import time
from contextlib import nullcontext

from mvd import distributed
from mvd.config import RunConfig
from mvd.errors import TrainingError
from mvd.inference.embed import embed_pictures
from mvd.metrics.validation import Validation
from mvd.models.factory import Network
from mvd.models.state import network_tensors, overlay, restore_network
from mvd.runs import CheckpointMeta, RunFolder, check_finite, load_checkpoint
from mvd.runs.observer import Observer
from mvd.training.average import training_weights
from mvd.training.logging import StepLogger, diverged
from mvd.training.optim import optimizer_tensors, restore_optimizer
from mvd.training.state import TrainState


def restore(state: TrainState, log: StepLogger, run: RunFolder) -> None:
    """Restore a state, and the values that are not logged yet, from the last checkpoint of a run.

    Only the first process reads it, so the run folder need not be in reach of every machine.

    Raises:
        CheckpointError: it cannot be read, or does not fit.
    """
    file = run.checkpoint("last")
    with distributed.agreement():
        stored = load_checkpoint(file) if distributed.is_first() else None
    stored = distributed.broadcast(stored)
    assert stored is not None
    tensors, meta = stored
    restore_network(state.network, tensors, file)
    if state.average is not None:
        state.average.restart()
    # Also where the average was switched on or off in between.
    overlay(state.network, training_weights(tensors))
    restore_optimizer(state.optimizer, state.network, tensors)
    state.step, state.best, state.best_step = meta.step, meta.best, meta.best_step
    log.restore(meta.unlogged)


class CheckpointWriter:
    """Validates and writes the checkpoints of a run; the first process writes."""

    def __init__(self, run: RunFolder, config: RunConfig, observer: Observer, validation: Validation | None) -> None:
        self.run = run
        self.config = config
        self.observer = observer
        self.validation = validation
        self.written = time.monotonic()

    def is_due(self) -> bool:
        """Whether the last checkpoint is older than `runtime.checkpoint_minutes`."""
        return time.monotonic() - self.written >= 60 * self.config.runtime.checkpoint_minutes

    def write(self, state: TrainState, log: StepLogger, *, epoch: int, validate: bool) -> None:
        """Write the last checkpoint, and the best one where a validation finds the weights better than before.

        The last is written before the best: if the run is killed in between, `mvd.runs.recover` makes the best from it.

        Args:
            state: between two steps; its best validation is updated.
            log: its values that are not logged yet go into the checkpoint.
            epoch: whole epochs taken.
            validate: validate first, where the run has validation data.

        Raises:
            TrainingError: a loss or a weight is not finite; nothing is written then.
            RunError: the checkpoint cannot be written.
        """
        unlogged = log.unlogged()
        with nullcontext() if state.average is None else state.average.applied():
            weights = network_tensors(state.network)
            if state.average is not None:
                # On the CPU they share their memory with the network, which gets its own weights back.
                weights = {name: values.copy() for name, values in weights.items()}
            if (name := check_finite(weights)) is not None:
                raise TrainingError(diverged(self.run, state.step, f"weights {name}", "not finite"))
            metrics: dict[str, float] = {}
            if validate and self.validation is not None:
                metrics = self._validate(state.network, self.validation)
        best = bool(metrics) and (state.best is None or metrics["mAP"] > state.best)
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
        with distributed.agreement():
            if distributed.is_first():
                if metrics:
                    self.run.log({"step": state.step, "epoch": epoch, "validation": metrics, "best": best})
                training = optimizer_tensors(state.optimizer, state.network)
                if state.average is not None:
                    training |= state.average.training_tensors()
                self.run.save_checkpoint("last", {**weights, **training}, meta)
                if best:
                    self.run.save_checkpoint("best", weights, meta)
        self.written = time.monotonic()
        if metrics:
            self.observer.validated(epoch, metrics, best=best)

    def _validate(self, network: Network, validation: Validation) -> dict[str, float]:
        embeddings = embed_pictures(network, self.config.runtime, validation.pictures, validation.samples.modalities)
        return dict(validation.score(embeddings))
