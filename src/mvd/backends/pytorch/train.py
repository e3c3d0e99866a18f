"""The training loop: one step after another, each a pure function of the state before it and its number.

Batches, augmentation, dropout and learning rate follow from the seed and the step alone, so the state is the
weights, the optimiser's moments, the step and the best figure so far; a checkpoint holds those and nothing else
has to be remembered. Losses stay on the device between log lines; whether they are finite is looked at there and
before each checkpoint, so that a checkpoint never holds the weights of a run gone wrong.

Shapes: B = 2·P·K pictures in a batch, K classes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from mvd.backends import Embed, Observer, StepLog, TrainingData
from mvd.backends.pytorch.devices import autocast, memory_format, resolve_device
from mvd.backends.pytorch.embed import describe
from mvd.backends.pytorch.loader import HostBatch, count_steps, host_batches, prefetch
from mvd.backends.pytorch.losses.objective import Objective, accuracy, build_objective
from mvd.backends.pytorch.network import Network
from mvd.backends.pytorch.optimizer import build_optimizer, optimizer_tensors, restore_optimizer, set_lr
from mvd.backends.pytorch.output import Output
from mvd.backends.pytorch.pictures import augment
from mvd.backends.pytorch.weights import initial_network, network_tensors, overlay, restore_network
from mvd.config import RunConfig
from mvd.errors import TrainingError
from mvd.runs import CheckpointMeta, RunFolder, Tensors, check_finite, load_checkpoint
from mvd.schedules import lr_factor

Validate = Callable[[Embed], Mapping[str, float]]


@dataclass
class TrainState:
    """Everything that a run carries from one step to the next.

    Attributes:
        network: on its device.
        forward: the network as a function, compiled if it is to be; it has the network's parameters.
        optimizer: over the network's parameters.
        step: steps taken.
        best: the best validation mAP so far.
    """

    network: Network
    forward: Callable[[Tensor, Tensor], Output]
    optimizer: torch.optim.Optimizer
    step: int = 0
    best: float | None = None


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
    state = _initial_state(config, len(data.identities), device)
    if resume:
        _restore(state, run)
    elif initial is not None:
        overlay(state.network, initial)
    objective = build_objective(config)
    steps = count_steps(config, data)
    log = _StepLogger(run, observer, config, steps)
    observer.started(state.step, steps * config.schedule.epochs)
    for batch in prefetch(host_batches(config, data, state.step)):
        factor = lr_factor(config.schedule, state.step, steps)
        set_lr(state.optimizer, config.optimizer.lr * factor)
        log.add(state.step, _train_step(state, objective, batch, config, device), len(batch.labels))
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


def _initial_state(config: RunConfig, classes: int, device: torch.device) -> TrainState:
    network = initial_network(config, classes, device)
    forward = torch.compile(network) if config.runtime.compile else network
    return TrainState(network, forward, build_optimizer(network, config.optimizer))


def _restore(state: TrainState, run: RunFolder) -> None:
    file = run.checkpoint("last")
    tensors, meta = load_checkpoint(file)
    restore_network(state.network, tensors, file)
    restore_optimizer(state.optimizer, state.network, tensors)
    state.step, state.best = meta.step, meta.best
    run.rewind_metrics(meta.step)


def _train_step(
    state: TrainState, objective: Objective, batch: HostBatch, config: RunConfig, device: torch.device
) -> dict[str, Tensor]:
    # Dropout is all that draws from torch's generator in a step.
    torch.manual_seed((config.seed << 32) + state.step)
    images = augment(batch.pictures, batch.draws, config.augment.pad, device, memory_format(config.runtime))
    labels = torch.from_numpy(batch.labels).to(device, non_blocking=True)
    modalities = torch.from_numpy(batch.modalities)
    state.network.train()
    state.optimizer.zero_grad(set_to_none=True)
    with autocast(config.runtime, device):
        output = state.forward(images, modalities)
    losses = objective(output, labels, modalities.to(device, non_blocking=True))
    torch.autograd.backward(losses.total)
    if config.optimizer.clip_norm:
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), config.optimizer.clip_norm)
    state.optimizer.step()
    return {**losses.terms, "total": losses.total.detach(), "accuracy": accuracy(output, labels)}


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
        raise TrainingError(_gone_wrong(run, state.step, f"weights {name}", "not finite"))
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


class _StepLogger:
    """Gathers what steps yield, on the device, and makes a log line of it now and then."""

    def __init__(self, run: RunFolder, observer: Observer, config: RunConfig, steps: int) -> None:
        self.run = run
        self.observer = observer
        self.config = config
        self.steps = steps
        self.pending: list[tuple[int, dict[str, Tensor]]] = []
        self.pictures = 0
        self.restart_clock()

    def restart_clock(self) -> None:
        """Leave what happened since the last log line, such as a validation, out of the next rate."""
        self.since = time.perf_counter()

    def add(self, step: int, values: dict[str, Tensor], pictures: int) -> None:
        self.pending.append((step, values))
        self.pictures += pictures

    def flush(self) -> None:
        """Write a log line of the steps since the last, if there are any.

        Raises:
            TrainingError: one of their losses is not finite.
        """
        if not self.pending:
            return
        names = list(self.pending[0][1])
        table = torch.stack([torch.stack(list(values.values())) for _, values in self.pending]).double().cpu()
        self._check(names, table)
        step = self.pending[-1][0]
        means = dict(zip(names, table.mean(dim=0).tolist(), strict=True))
        seconds = time.perf_counter() - self.since
        log = StepLog(
            step=step + 1,
            epoch=step // self.steps + 1,
            accuracy=means.pop("accuracy"),
            losses=means,
            lr=self.config.optimizer.lr * lr_factor(self.config.schedule, step, self.steps),
            pictures_per_second=self.pictures / seconds,
        )
        self.run.log(log._asdict())
        self.observer.logged(log)
        self.pending, self.pictures = [], 0
        self.restart_clock()

    def _check(self, names: list[str], table: Tensor) -> None:
        wrong = (~torch.isfinite(table)).nonzero().tolist()
        if wrong:
            row, column = wrong[0]
            step, value = self.pending[row][0] + 1, table[row, column].item()
            raise TrainingError(_gone_wrong(self.run, step, f"loss {names[column]}", str(value)))


def _gone_wrong(run: RunFolder, step: int, what: str, found: str) -> str:
    last = run.checkpoint("last")
    kept = f"the last good checkpoint is {last}" if last.exists() else "no checkpoint had been written yet"
    return (
        f"step {step}: expected a finite {what}, found {found}; stopped, {kept}; "
        f"try a lower --optimizer.lr or --runtime.precision fp32"
    )
