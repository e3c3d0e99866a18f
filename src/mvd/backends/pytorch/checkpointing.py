"""The state of a run to the disk and back: what a checkpoint holds, when it is the best, and how to go on from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from mvd.backends import Embed, Observer, Ranks
from mvd.backends.pytorch.embed import describe
from mvd.backends.pytorch.optimizer import optimizer_tensors, restore_optimizer
from mvd.backends.pytorch.step import TrainState
from mvd.backends.pytorch.step_log import gone_wrong
from mvd.backends.pytorch.weights import network_tensors, restore_network
from mvd.config import RunConfig
from mvd.errors import TrainingError
from mvd.runs import CheckpointMeta, RunFolder, check_finite, load_checkpoint

Validate = Callable[[Embed], Mapping[str, float]]


def restore(state: TrainState, run: RunFolder, ranks: Ranks) -> None:
    """Put a run's last checkpoint in the place of a state, and take back the log lines after it.

    Only the first process reads it, so a run folder need not be in reach of every machine.

    Raises:
        CheckpointError: it cannot be read, or does not fit.
    """
    file = run.checkpoint("last")
    tensors, meta = ranks.first(lambda: load_checkpoint(file))
    restore_network(state.network, tensors, file)
    restore_optimizer(state.optimizer, state.network, tensors)
    state.step, state.best = meta.step, meta.best
    ranks.first(lambda: run.rewind_metrics(meta.step))


def write_checkpoint(
    state: TrainState,
    run: RunFolder,
    config: RunConfig,
    *,
    epoch: int,
    validate: Validate | None,
    observer: Observer,
    ranks: Ranks,
) -> None:
    """Write a checkpoint, after a validation if one is due; it is the best one if that was the best so far.

    Args:
        state: between two steps; its best figure is brought up to date.
        run: the folder.
        config: the run.
        epoch: whole epochs taken.
        validate: measures the network as it stands; None if no validation is due.
        observer: hears of the validation.
        ranks: the processes that validate together; the first of them writes.

    Raises:
        TrainingError: a weight is not finite; nothing is written then.
        RunError: it cannot be written.
    """
    weights = network_tensors(state.network)
    if (name := check_finite(weights)) is not None:
        raise TrainingError(gone_wrong(run, state.step, f"weights {name}", "not finite"))
    metrics: dict[str, float] = {}
    best = False
    if validate is not None:
        metrics = dict(validate(partial(describe, state.network, config.runtime, share=ranks)))
        best = state.best is None or metrics["mAP"] > state.best
    if best:
        state.best = metrics["mAP"]
    meta = CheckpointMeta(step=state.step, epoch=epoch, metrics=metrics, best=state.best)

    def write() -> None:
        if metrics:
            run.log({"step": state.step, "epoch": epoch, "validation": metrics, "best": best})
        if best:
            run.save_checkpoint("best", weights, meta)
        run.save_checkpoint("last", {**weights, **optimizer_tensors(state.optimizer, state.network)}, meta)

    ranks.first(write)
    if metrics:
        observer.validated(epoch, metrics, best=best)
