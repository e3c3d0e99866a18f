"""Training in MindSpore: `fit` is the loop, `train_step` one step of it.

Batches, random draws of the augmentation, learning rates, log lines, checkpoints and validation use the same
framework-independent code as the PyTorch engine (`mvd.training.trainer`), so a run can be resumed in the other
framework. The network, the losses, their gradients and the update are MindSpore's, one graph in GRAPH_MODE.

Shapes: batch size B = streams·P·K.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from mindspore import Tensor

from mvd.config import RunConfig
from mvd.config.learning_rate import lr_factor
from mvd.data.batches import Batch, count_steps, training_batches
from mvd.data.images import MEAN, STD
from mvd.data.prefetch import prefetch
from mvd.data.training import TrainingData
from mvd.metrics.validation import Validation
from mvd.mindspore.device import check, computing
from mvd.mindspore.losses.objective import build_objective
from mvd.mindspore.models.dropout import draw_dropout
from mvd.mindspore.models.state import overlay
from mvd.mindspore.training.augment import augment
from mvd.mindspore.training.log import DeviceLogger
from mvd.mindspore.training.state import TrainState
from mvd.runs import RunFolder
from mvd.runs.observer import Observer, SampleBatch
from mvd.training.checkpoint import CheckpointWriter, restore
from mvd.training.pace import due_after


def fit(
    config: RunConfig,
    data: TrainingData,
    run: RunFolder,
    *,
    observer: Observer,
    validation: Validation | None = None,
    resume: bool = False,
    initial: Mapping[str, npt.NDArray[Any]] | None = None,
) -> bool:
    """Train a network into a run folder; see `mvd.commands.engine.Engine.fit`."""
    device, steps = check(config), count_steps(config, data)
    with computing(config.runtime, device):
        state = TrainState(config, len(data.identities), build_objective(config))
        log = DeviceLogger(run, observer, config, steps, state.take.names)
        checkpoints = CheckpointWriter(run, config, observer, validation)
        if resume:
            restore(state, log, run)
        elif initial is not None:
            overlay(state.network, initial)
        observer.started(state.step, steps * config.schedule.epochs)

        for batch in prefetch(training_batches(config, data, state.step)):
            if state.step % (steps * config.runtime.validate_every) == 0:
                observer.sampled(state.step, partial(_sample_batch, batch, config, data.identities))

            lr = config.optimizer.lr * lr_factor(config.schedule, state.step, steps)
            log.add(state.step, train_step(state, batch, config, lr), pictures=len(batch.pictures))
            state.step += 1
            proceed = observer.stepped(state.step)

            due = due_after(config, state.step, steps)
            if due.log:
                log.flush()
            if due.validate or checkpoints.is_due() or not proceed:
                with log.paused():
                    checkpoints.write(state, log, epoch=due.epoch, validate=due.validate)
            if not proceed and not due.last:
                return False
    return True


def train_step(state: TrainState, batch: Batch, config: RunConfig, lr: float) -> Tensor:
    """Take one step.

    Args:
        state: training state, updated in place except for `step`.
        batch: the batch, on the host.
        config: configuration of the run.
        lr: learning rate of this step.

    Returns:
        The values of `state.take.names`, on the device.
    """
    images = Tensor(augment(batch.pictures, batch.draws, config.augment))
    labels, modalities = (Tensor(row.astype(np.int32)) for row in batch.everyone)
    keep = draw_dropout(config.model, len(batch.pictures), seed=config.seed, step=state.step)
    keep = np.ones((4, 1, 1), np.float32) if keep is None else keep
    return state.advance(images, labels, modalities, Tensor(keep), lr)


def _sample_batch(batch: Batch, config: RunConfig, identities: npt.NDArray[np.int64]) -> SampleBatch:
    """Convert a batch to pictures, with its augmentation."""
    images = augment(batch.pictures, batch.draws, config.augment).transpose(0, 2, 3, 1)
    pictures = (
        np.rint((images * np.array(STD, np.float32) + np.array(MEAN, np.float32)) * 255).clip(0, 255).astype(np.uint8)
    )
    return SampleBatch(pictures, identities[batch.everyone[0]], batch.modalities)
