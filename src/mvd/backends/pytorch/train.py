"""The training loop: one step after another, each a pure function of the state before it and its number.

Batches, augmentation, dropout and learning rate follow from the seed and the step alone, so the state is the
weights, the optimiser's moments, the step and the best figure so far; a checkpoint holds those and nothing else
has to be remembered. Whether losses and weights are finite is looked at in log lines and before each checkpoint, so
that a checkpoint never holds the weights of a run gone wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from mvd.backends import Embed, Observer, TrainingData
from mvd.backends.pytorch.devices import resolve_device
from mvd.backends.pytorch.embed import describe
from mvd.backends.pytorch.loader import count_steps, host_batches, prefetch
from mvd.backends.pytorch.losses.objective import build_objective
from mvd.backends.pytorch.optimizer import optimizer_tensors, restore_optimizer, set_lr
from mvd.backends.pytorch.step import TrainState, initial_state, train_step
from mvd.backends.pytorch.step_log import StepLogger, gone_wrong
from mvd.backends.pytorch.weights import network_tensors, overlay, restore_network
from mvd.config import RunConfig
from mvd.errors import TrainingError
from mvd.runs import CheckpointMeta, RunFolder, Tensors, check_finite, load_checkpoint
from mvd.schedules import lr_factor

Validate = Callable[[Embed], Mapping[str, float]]


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
    if resume:
        _restore(state, run)
    elif initial is not None:
        overlay(state.network, initial)
    objective = build_objective(config)
    steps = count_steps(config, data)
    log = StepLogger(run, observer, config, steps)
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
        if state.step % config.runtime.log_every == 0 or validated or not going_on:
            log.flush()
        if validated or not going_on:
            _checkpoint(state, run, config, epoch=epoch, validate=validate if validated else None, observer=observer)
            log.restart_clock()
        if not going_on and not last:
            return False
    return True


def _restore(state: TrainState, run: RunFolder) -> None:
    file = run.checkpoint("last")
    tensors, meta = load_checkpoint(file)
    restore_network(state.network, tensors, file)
    restore_optimizer(state.optimizer, state.network, tensors)
    state.step, state.best = meta.step, meta.best
    run.rewind_metrics(meta.step)


def _checkpoint(
    state: TrainState,
    run: RunFolder,
    config: RunConfig,
    *,
    epoch: int,
    validate: Validate | None,
    observer: Observer,
) -> None:
    weights = network_tensors(state.network)
    if (name := check_finite(weights)) is not None:
        raise TrainingError(gone_wrong(run, state.step, f"weights {name}", "not finite"))
    metrics: dict[str, float] = {}
    best = False
    if validate is not None:
        metrics = dict(validate(partial(describe, state.network, config.runtime)))
        best = state.best is None or metrics["mAP"] > state.best
        run.log({"step": state.step, "epoch": epoch, "validation": metrics, "best": best})
    if best:
        state.best = metrics["mAP"]
    meta = CheckpointMeta(step=state.step, epoch=epoch, metrics=metrics, best=state.best)
    if best:
        run.save_checkpoint("best", weights, meta)
    run.save_checkpoint("last", {**weights, **optimizer_tensors(state.optimizer, state.network)}, meta)
    if metrics:
        observer.validated(epoch, metrics, best=best)
