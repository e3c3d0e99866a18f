"""The training loop: one step after another, each a pure function of the state before it and its number.

Batches, augmentation, dropout and learning rate follow from the seed and the step alone, so the state is the
weights, the optimiser's moments, the step and the best figure so far; a checkpoint holds those, and what is not logged
yet, and nothing else has to be remembered. Whether losses and weights are finite is looked at in log lines and before
each checkpoint, so that a checkpoint never holds the weights of a run gone wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from mvd.config import RunConfig
from mvd.config.learning_rate import lr_factor
from mvd.distributed.process_group import any_rank
from mvd.engine import ALONE, Observer, Ranks, SampleBatch, StepLog, TrainingData
from mvd.losses.objective import build_objective
from mvd.models.state import overlay
from mvd.runs import RunFolder, Tensors
from mvd.runtime.device import resolve_device
from mvd.training.batches import count_steps, host_batches, prefetch
from mvd.training.checkpoint import CheckpointWriter, Validate, restore
from mvd.training.logging import StepLogger
from mvd.training.optim import set_lr
from mvd.training.sample_batch import sample_batch
from mvd.training.step import initial_state, train_step


def fit(
    config: RunConfig,
    data: TrainingData,
    run: RunFolder,
    *,
    validate: Validate | None,
    observer: Observer,
    resume: bool,
    initial: Tensors | None = None,
    ranks: Ranks = ALONE,
) -> bool:
    """Train; see `mvd.engine.Backend.fit`."""
    device = resolve_device(config.runtime.device)
    if ranks.index > 0:
        observer = _Unheard(observer)
    state = initial_state(config, len(data.identities), device, ranks)
    objective = build_objective(config)
    steps = count_steps(config, data)
    log = StepLogger(run, observer, config, steps, device, writes=ranks.index == 0)
    checkpoints = CheckpointWriter(run, config, observer, ranks)
    if resume:
        restore(state, log, run, ranks)
    elif initial is not None:
        overlay(state.network, initial)
    observer.started(state.step, steps * config.schedule.epochs)
    for batch in prefetch(host_batches(config, data, state.step, share=ranks, pin=device.type == "cuda")):
        if state.step % (steps * config.runtime.validate_every) == 0:
            observer.sampled(state.step, partial(sample_batch, batch, config, data.identities))
        factor = lr_factor(config.schedule, state.step, steps)
        set_lr(state.optimizer, config.optimizer.lr * factor)
        log.add(state.step, train_step(state, objective, batch, config, device, share=ranks), batch.everyone.shape[1])
        state.step += 1
        going_on = observer.stepped(state.step)
        epoch, within = divmod(state.step, steps)
        last = epoch == config.schedule.epochs
        validated = within == 0 and (last or epoch % config.runtime.validate_every == 0)
        logged = state.step % config.runtime.log_every == 0 or validated
        due = validated or checkpoints.is_due()
        if ranks.count > 1:
            # Processes stop, and write by the clock, together, and only when they talk anyway.
            going_on = not logged or not any_rank(not going_on, ranks)
            due = validated or (logged and any_rank(due, ranks))
        if logged:
            log.flush()
        if due or not going_on:
            with log.clock_stopped():
                checkpoints.write(state, log, epoch=epoch, validate=validate if validated else None)
        if not going_on and not last:
            return False
    return True


class _Unheard:
    """The observer of a process that is not the first: it may stop the run, and hears nothing of it."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def started(self, step: int, steps: int) -> None:
        """Take no note."""

    def sampled(self, step: int, show: Callable[[], SampleBatch]) -> None:
        """Look at no batch."""

    def stepped(self, step: int) -> bool:
        """Answer False to stop the run."""
        return self._observer.stepped(step)

    def logged(self, log: StepLog) -> None:
        """Take no note."""

    def validated(self, epoch: int, metrics: Mapping[str, float], *, best: bool) -> None:
        """Take no note."""
