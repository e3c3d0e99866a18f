"""One training step: a pure function of the state before it, the batch and its number.

Nothing in it waits for the device; what it yields stays there until it is logged.

Shapes: B = 2·P·K pictures in a batch, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mvd.backends.pytorch.devices import autocast, memory_format
from mvd.backends.pytorch.loader import HostBatch
from mvd.backends.pytorch.losses.objective import Objective, accuracy
from mvd.backends.pytorch.network import Network
from mvd.backends.pytorch.optimizer import build_optimizer
from mvd.backends.pytorch.output import Output
from mvd.backends.pytorch.pictures import augment
from mvd.backends.pytorch.weights import initial_network
from mvd.config import RunConfig


@dataclass
class TrainState:
    """Everything that a run carries from one step to the next.

    Attributes:
        network: on its device.
        forward: the network as a function, compiled if it is to be; it has the network's parameters.
        optimizer: over the network's parameters.
        step: steps taken.
        best: the best validation mAP so far.
        best_step: the step of that validation.
    """

    network: Network
    forward: Callable[[Tensor, Tensor], Output]
    optimizer: torch.optim.Optimizer
    step: int = 0
    best: float | None = None
    best_step: int | None = None


def initial_state(config: RunConfig, classes: int, device: torch.device) -> TrainState:
    """Make the state before the first step: a function of the configuration and its seed."""
    network = initial_network(config, classes, device)
    forward = torch.compile(network) if config.runtime.compile else network
    return TrainState(network, forward, build_optimizer(network, config.optimizer))


def train_step(
    state: TrainState, objective: Objective, batch: HostBatch, config: RunConfig, device: torch.device
) -> dict[str, Tensor]:
    """Take one step of a run.

    Args:
        state: changed, but for its number of steps.
        objective: what is made smaller.
        batch: on the host.
        config: the run.
        device: of the network.

    Returns:
        Scalars on the device: the terms of the loss by name, "total" and "accuracy".
    """
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
