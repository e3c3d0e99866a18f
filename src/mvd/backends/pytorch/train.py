"""The training loop: one step after another, each a pure function of the state before it and its number.

Batches, augmentation, dropout and learning rate follow from the seed and the step alone, so the state is the
weights, the optimiser's moments, the step and the best figure so far; a checkpoint holds those, and what is not logged
yet, and nothing else has to be remembered. Whether losses and weights are finite is looked at in log lines and before
each checkpoint, so that a checkpoint never holds the weights of a run gone wrong.
"""

from __future__ import annotations

from mvd.backends import Observer, TrainingData
from mvd.backends.pytorch.checkpointing import CheckpointWriter, Validate, restore
from mvd.backends.pytorch.devices import resolve_device
from mvd.backends.pytorch.loader import count_steps, host_batches, prefetch
from mvd.backends.pytorch.losses.objective import build_objective
from mvd.backends.pytorch.optimizer import set_lr
from mvd.backends.pytorch.step import initial_state, train_step
from mvd.backends.pytorch.step_log import StepLogger
from mvd.backends.pytorch.weights import overlay
from mvd.config import RunConfig
from mvd.runs import RunFolder, Tensors
from mvd.schedules import lr_factor


def fit(
    config: RunConfig,
    data: TrainingData,
    run: RunFolder,
    *,
    validate: Validate | None,
    observer: Observer,
    resume: bool,
    initial: Tensors | None = None,
) -> bool:
    """Train; see `mvd.backends.Backend.fit`."""
    device = resolve_device(config.runtime.device)
    state = initial_state(config, len(data.identities), device)
    objective = build_objective(config)
    steps = count_steps(config, data)
    log = StepLogger(run, observer, config, steps)
    checkpoints = CheckpointWriter(run, config, observer)
    if resume:
        restore(state, log, run)
    elif initial is not None:
        overlay(state.network, initial)
    observer.started(state.step, steps * config.schedule.epochs)
    for batch in prefetch(host_batches(config, data, state.step)):
        factor = lr_factor(config.schedule, state.step, steps)
        set_lr(state.optimizer, config.optimizer.lr * factor)
        log.add(state.step, train_step(state, objective, batch, config, device), len(batch.labels))
        state.step += 1
        going_on = observer.stepped(state.step)
        epoch, within = divmod(state.step, steps)
        last = epoch == config.schedule.epochs
        validated = within == 0 and (last or epoch % config.runtime.validate_every == 0)
        if state.step % config.runtime.log_every == 0 or validated:
            log.flush()
        if validated or not going_on or checkpoints.is_due():
            with log.clock_stopped():
                checkpoints.write(state, log, epoch=epoch, validate=validate if validated else None)
        if not going_on and not last:
            return False
    return True
