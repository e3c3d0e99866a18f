"""Write and restore the checkpoints of a run.

Independent of the framework: a `Trainable` exchanges arrays by our names, so that a run that was stopped in one
framework can be resumed in another.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mvd import distributed
from mvd.config import RunConfig
from mvd.data.pictures import Pictures
from mvd.errors import TrainingError
from mvd.metrics.validation import Validation
from mvd.runs import CheckpointMeta, RunFolder, Tensors, check_finite, load_checkpoint
from mvd.runs.observer import Observer
from mvd.training.logging import StepLogger, diverged


class Trainable(Protocol):
    """The state of a run between two steps, in any framework.

    Attributes:
        step: number of steps taken.
        best: the best validation mAP so far.
        best_step: the step of the best validation.
    """

    step: int
    best: float | None
    best_step: int | None

    def kept(self) -> AbstractContextManager[object]:
        """Replace the network's weights within a block by those that are validated and stored, such as an average."""

    def network_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Copy parameters and running statistics to the host, by our names."""

    def training_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Copy the rest of the training state to the host, such as "optimizer/<parameter>/<entry>"."""

    def restore(self, tensors: Tensors, source: Path) -> None:
        """Load network and training state from a checkpoint.

        Raises:
            CheckpointError: the checkpoint does not fit.
        """

    def embed(
        self, config: RunConfig, pictures: Pictures, modalities: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """Embed pictures with the present weights: (N, D)."""


def restore(state: Trainable, log: StepLogger[Any], run: RunFolder) -> None:
    """Restore a state, and the values that are not logged yet, from the last checkpoint of a run.

    Only the first process reads the checkpoint, so other machines need no access to the run folder.

    Raises:
        CheckpointError: the checkpoint cannot be read, or does not fit.
    """
    file = run.checkpoint("last")
    with distributed.agreement():
        stored = load_checkpoint(file) if distributed.is_first() else None
    stored = distributed.broadcast(stored)
    assert stored is not None
    tensors, meta = stored
    state.restore(tensors, file)
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
        """Return whether the last checkpoint is older than `runtime.checkpoint_minutes`."""
        return time.monotonic() - self.written >= 60 * self.config.runtime.checkpoint_minutes

    def write(self, state: Trainable, log: StepLogger[Any], *, epoch: int, validate: bool) -> None:
        """Write the last checkpoint, and also the best one if the validation mAP is the best so far.

        The last is written before the best: if the run is killed in between, `mvd.runs.recover` copies it to the best.

        Args:
            state: the state between two steps; its best validation is updated.
            log: the logger; values that are not logged yet are stored in the checkpoint.
            epoch: number of complete epochs.
            validate: validate first, if the run has validation data.

        Raises:
            TrainingError: a loss or a weight is not finite; then nothing is written.
            RunError: the checkpoint cannot be written.
        """
        unlogged = log.unlogged()
        with state.kept():
            weights = state.network_arrays()
            if (name := check_finite(weights)) is not None:
                raise TrainingError(diverged(self.run, state.step, f"weights {name}", "not finite"))
            metrics: dict[str, float] = {}
            if validate and self.validation is not None:
                samples = self.validation.samples
                embeddings = state.embed(self.config, self.validation.pictures, samples.modalities)
                metrics = dict(self.validation.score(embeddings))
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
                self.run.save_checkpoint("last", {**weights, **state.training_arrays()}, meta)
                if best:
                    self.run.save_checkpoint("best", weights, meta)
        self.written = time.monotonic()
        if metrics:
            self.observer.validated(epoch, metrics, best=best)
