"""Training: `fit` is the loop, `train_step` one step of it.

A step is a pure function of the state before it and its number: batches, augmentation, dropout and learning rate depend
only on the seed and the step. So a checkpoint only stores weights, their average if used, optimizer moments, the step,
the best validation and values not logged yet, and a resumed run has the bits of an uninterrupted run.

Nothing in a step synchronises with the device. Losses and weights are checked to be finite when they are logged and
before each checkpoint, so that a checkpoint never contains the weights of a diverged run.

Shapes: B = streams·P·K pictures in a batch, b of them in one process; H × W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from mvd import distributed
from mvd.config import RunConfig
from mvd.config.learning_rate import lr_factor
from mvd.data.batches import count_steps
from mvd.data.prefetch import prefetch
from mvd.data.training import TrainingData
from mvd.distributed.group import any_process, gather_with_gradient, local_runtime
from mvd.losses.objective import Objective, accuracy, build_objective
from mvd.metrics.validation import Validation
from mvd.models.outputs import Output, map_tensors, tensors_of
from mvd.runs import RunFolder
from mvd.runs.observer import Observer, StopOnly
from mvd.runtime.defaults import torch_defaults
from mvd.runtime.device import autocast, memory_format, resolve_device, widen
from mvd.runtime.estimate import fit_into_memory
from mvd.runtime.precision import numerics, resolve_precision
from mvd.runtime.resolve import resolve_runtime
from mvd.runtime.threads import free_threads
from mvd.training.accumulate import backward_in_parts, forward_in_parts, seed_dropout
from mvd.training.batches import HostBatch, host_batches, sample_batch
from mvd.training.checkpoint import CheckpointWriter, restore
from mvd.training.cuda_graph import GraphedGradients
from mvd.training.device_augment import augment
from mvd.training.device_log import DeviceLogger
from mvd.training.optim import set_lr
from mvd.training.pace import due_after
from mvd.training.state import TrainState, initial_state, start_from


@torch_defaults()
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
    config = replace(config, runtime=local_runtime(config.runtime))
    device = resolve_device(config.runtime.device)
    steps = count_steps(config, data)
    if not distributed.is_first():
        observer = StopOnly(observer)
    config = replace(config, runtime=resolve_precision(config.runtime, device))
    config, line = fit_into_memory(config, len(data.identities), device)
    if line is not None:
        observer.noted(line)
    config = resolve_runtime(config, device, steps * config.schedule.epochs)
    runtime = config.runtime
    with numerics(runtime, device), free_threads(runtime, device) as threads:
        state = initial_state(config, len(data.identities), device)
        objective = build_objective(config)
        log = DeviceLogger(run, observer, config, steps, device)
        checkpoints = CheckpointWriter(run, config, observer, validation)
        if resume:
            restore(state, log, run)
        elif initial is not None:
            start_from(state, initial)
        observer.started(state.step, steps * config.schedule.epochs)

        for batch in prefetch(host_batches(config, data, state.step, pin=device.type == "cuda")):
            if state.step % (steps * runtime.validate_every) == 0:
                observer.sampled(state.step, partial(sample_batch, batch, config, data.identities))

            set_lr(state.optimizer, config.optimizer.lr * lr_factor(config.schedule, state.step, steps))
            values = train_step(state, objective, batch, config, device)
            log.add(state.step, values, pictures=batch.everyone.shape[1])
            state.step += 1
            proceed = observer.stepped(state.step)
            if threads.follow():
                observer.noted(f"{torch.get_num_threads()} CPU threads, as other programs leave cores free")

            due = due_after(config, state.step, steps)
            save = due.validate or checkpoints.is_due()
            if distributed.count() > 1:
                # Processes must stop, and save by time, together; they only communicate when a line is logged.
                proceed = not due.log or not any_process(not proceed)
                save = due.validate or (due.log and any_process(save))
            if due.log:
                log.flush()
            if save or not proceed:
                with log.paused():
                    checkpoints.write(state, log, epoch=due.epoch, validate=due.validate)
            if not proceed and not due.last:
                return False
    return True


def train_step(
    state: TrainState, objective: Objective, batch: HostBatch, config: RunConfig, device: torch.device
) -> dict[str, Tensor]:
    """Take one step.

    The losses always see the whole batch. Each process embeds its own identities; the outputs are gathered, each
    process differentiates the losses of the whole batch with respect to its own rows, and the gradients are summed,
    which gives the gradient of the whole batch.

    Args:
        state: the state; changed in place, except for its step.
        objective: the weighted sum of the losses.
        batch: this process's share, on the host.
        config: configuration of the run.
        device: device of the network.

    Returns:
        Scalars of the whole batch, on the device: the terms of the loss by name, "total" and "accuracy".
    """
    pictures, draws, everyone = (tensor.to(device, non_blocking=True) for tensor in batch[:2] + batch[3:])
    gradients = partial(compute_gradients, state, objective, config, batch.modalities)

    state.network.train()
    seed_dropout(config, state.step)
    if config.runtime.cuda_graphs is True:
        state.graph = state.graph or GraphedGradients(state.network, gradients)
        losses = state.graph(pictures, draws, everyone)
    else:
        state.optimizer.zero_grad(set_to_none=True)
        losses = gradients(pictures, draws, everyone)

    if config.optimizer.clip_norm:
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), config.optimizer.clip_norm)
    state.optimizer.step()
    if state.average is not None:
        state.average.update(state.step)
    return losses


def compute_gradients(  # noqa: PLR0917 - a batch has four parts
    state: TrainState,
    objective: Objective,
    config: RunConfig,
    host_modalities: Tensor,
    pictures: Tensor,
    draws: Tensor,
    everyone: Tensor,
) -> dict[str, Tensor]:
    """Compute the gradient of a batch's losses into `Tensor.grad`, from augmentation to backward pass.

    The whole function can be recorded as a CUDA graph: unless the batch is processed in parts, it does not seed
    generators or copy to the host.

    Args:
        state: contains the network.
        objective: the weighted sum of the losses.
        config: configuration of the run.
        host_modalities: (b,), on the host; the same for every batch.
        pictures: (b, H, W, 3) uint8, of this process, on the device.
        draws: (b, 10), the augmentation of the pictures.
        everyone: (2, B), class and modality of each row of the whole batch.

    Returns:
        The scalars that `train_step` returns.
    """
    labels, modalities = everyone
    images = augment(pictures, draws, config.augment, memory_format(config.runtime))
    if config.runtime.accumulate == 1:
        with autocast(config.runtime, images.device):
            output = state.forward(images, host_modalities)
    else:
        output = forward_in_parts(state, config, images, host_modalities)

    whole = gather_output(output)
    losses = objective(whole, labels, modalities)
    # DistributedDataParallel averages gradients; their sum is the gradient of the whole batch.
    torch.autograd.backward(losses.total * distributed.count())
    if config.runtime.accumulate > 1:
        backward_in_parts(state, config, images, host_modalities, output)
    return {**losses.terms, "total": losses.total.detach(), "accuracy": accuracy(whole, labels)}


def gather_output(output: Output) -> Output:
    """Concatenate the outputs of all processes, (b, …) → (B, …) float32; only this process's rows carry a gradient."""
    if distributed.count() == 1:
        return output
    tensors = [widen(tensor) for tensor in tensors_of(output)]
    whole = gather_with_gradient(torch.cat(tensors, dim=1))
    columns = iter(torch.split(whole, [tensor.shape[1] for tensor in tensors], dim=1))
    return map_tensors(output, lambda _: next(columns))
