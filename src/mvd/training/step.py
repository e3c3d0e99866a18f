"""One training step: a pure function of the state before it, the batch and its number.

Nothing in it waits for the device; what it yields stays there until it is logged. Losses see the whole batch, however
it is taken through the network:

- Several processes each take the identities that were dealt to them. What the network says of them is gathered, each
  process computes the losses of the whole batch and differentiates them by its own rows; the gradients are then added
  up, which is the gradient of the whole. Only one small exchange is added to that of the gradients.
- A batch that does not fit into memory goes through the network in parts (`runtime.accumulate`): once without
  gradients, to learn what the losses say of each part, and once more for each part's share of the gradient (gradient
  caching; Gao et al., RepL4NLP 2021). Only batch norm sees less than the whole then.

Shapes: B = 2·P·K pictures in a batch, b of them in one process, K classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from mvd.config import RunConfig
from mvd.distributed.batch_norm import share_statistics
from mvd.engine import ALONE, Share
from mvd.losses.objective import Losses, Objective, accuracy
from mvd.models.factory import Network
from mvd.models.outputs import Output, map_tensors, tensors_of
from mvd.models.resnet import ResNet
from mvd.models.state import initial_network
from mvd.runtime.device import autocast, memory_format, widen
from mvd.runtime.recompute import frozen_statistics
from mvd.training.batches import HostBatch
from mvd.training.cuda_graph import GraphedGradients
from mvd.training.device_augment import augment
from mvd.training.optim import build_optimizer


@dataclass
class TrainState:
    """Everything that a run carries from one step to the next.

    Attributes:
        network: on its device.
        forward: the network as a function, distributed if it is to be; it has the network's parameters.
        optimizer: over the network's parameters.
        graphed: computes gradients by a CUDA graph, once the first step has been taken; None where none is used.
        step: steps taken.
        best: the best validation mAP so far.
        best_step: the step of that validation.
    """

    network: Network
    forward: Callable[[Tensor, Tensor], Output]
    optimizer: torch.optim.Optimizer
    graphed: GraphedGradients | None = None
    step: int = 0
    best: float | None = None
    best_step: int | None = None


def initial_state(config: RunConfig, classes: int, device: torch.device, share: Share = ALONE) -> TrainState:
    """Make the state before the first step: a function of the configuration and its seed."""
    network = initial_network(config, classes, device)
    for module in network.modules():
        if isinstance(module, ResNet):
            module.recompute = config.runtime.recompute
            module.compiled = config.runtime.compile
    if share.count > 1:
        share_statistics(network, device)
    forward: nn.Module = network
    if share.count > 1:
        # Classifiers may go unused: only the identity loss reaches all of them.
        forward = distribute(forward, device, unused=config.losses.identity_weight == 0)
    return TrainState(network, forward, build_optimizer(network, config.optimizer))


def distribute(network: nn.Module, device: torch.device, *, unused: bool = False) -> DistributedDataParallel:
    """Make a network whose gradients are averaged over all processes while they are computed.

    Args:
        network: on its device; the same everywhere.
        device: this process's.
        unused: whether there are parameters that no loss reaches.
    """
    with warnings.catch_warnings():
        # The argument's new name is not known to the PyTorch of before.
        warnings.filterwarnings("ignore", message=".*broadcast_buffers.*", category=FutureWarning)
        return DistributedDataParallel(
            network,
            device_ids=None if device.type == "cpu" else [device],
            broadcast_buffers=False,  # they are the same everywhere
            gradient_as_bucket_view=True,
            find_unused_parameters=unused,
        )


def train_step(
    state: TrainState,
    objective: Objective,
    batch: HostBatch,
    config: RunConfig,
    device: torch.device,
    *,
    share: Share = ALONE,
) -> dict[str, Tensor]:
    """Take one step of a run.

    Args:
        state: changed, but for its number of steps.
        objective: what is made smaller.
        batch: on the host; this process's share.
        config: the run.
        device: of the network.
        share: which of the processes that share the batch this one is.

    Returns:
        Scalars on the device: the terms of the loss by name, "total" and "accuracy"; of the whole batch.
    """
    pictures, draws, everyone = (tensor.to(device, non_blocking=True) for tensor in batch[:2] + batch[3:])
    state.network.train()
    _seed(config, state.step, share.index * config.runtime.accumulate)
    names: list[str] = []

    def compute(pictures: Tensor, draws: Tensor, everyone: Tensor) -> Tensor:
        images = augment(pictures, draws, config.augment.pad, memory_format(config.runtime))
        found = _gradients(_Step(state, config, device, share, images, batch.modalities), objective, everyone)
        names[:] = found
        return torch.stack(list(found.values()))

    if config.runtime.cuda_graphs:
        if state.graphed is None:
            state.graphed = GraphedGradients(state.network, compute, names)
        values = state.graphed(pictures, draws, everyone)
        names = state.graphed.names
    else:
        state.optimizer.zero_grad(set_to_none=True)
        values = compute(pictures, draws, everyone)
    if config.optimizer.clip_norm:
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), config.optimizer.clip_norm)
    state.optimizer.step()
    return dict(zip(names, values.unbind(), strict=True))


def _gradients(step: _Step, objective: Objective, everyone: Tensor) -> dict[str, Tensor]:
    """Take a batch forward and backward; returns the detached scalars of `train_step`."""
    labels, modalities = everyone
    parts = step.config.runtime.accumulate
    output = step.forward() if parts == 1 else step.forward_in_parts()
    seen = _gather(output, step.share)
    losses: Losses = objective(seen, labels, modalities)
    # Distributed gradients are averaged; what is wanted is their sum.
    torch.autograd.backward(losses.total * step.share.count)
    if parts > 1:
        step.backward_in_parts(output)
    return {**losses.terms, "total": losses.total.detach(), "accuracy": accuracy(seen, labels)}


def _seed(config: RunConfig, step: int, number: int) -> None:
    """Seed what a part of a step draws. Dropout is all that draws from torch's generator in a step."""
    torch.manual_seed(((config.seed << 32) + step) ^ (number << 24))


@dataclass(frozen=True)
class _Step:
    """A process's pictures (b, 3, H, W) on their way through the network, whole or in parts of some identities each."""

    state: TrainState
    config: RunConfig
    device: torch.device
    share: Share
    images: Tensor
    modalities: Tensor

    def forward(self) -> Output:
        """Take all pictures through the network."""
        return self._pass(self.state.forward, slice(None), part=0)

    def forward_in_parts(self) -> Output:
        """Take part after part through the network without gradients; the result is what gradients start from."""
        with torch.no_grad():
            passes = [self._pass(self.state.network, rows, part) for part, rows in self._parts()]
        order = torch.cat([rows for _, rows in self._parts()]).argsort()
        joined = [torch.cat(tensors)[order] for tensors in zip(*map(tensors_of, passes), strict=True)]
        leaves = iter([tensor.detach().requires_grad_() for tensor in joined])
        return map_tensors(passes[0], lambda _: next(leaves))

    def backward_in_parts(self, output: Output) -> None:
        """Take part after part through the network again, and the gradients that reached `output` back through it."""
        gradients = [tensor.grad for tensor in tensors_of(output)]
        for part, rows in self._parts():
            last = part == self.config.runtime.accumulate - 1
            with frozen_statistics(self.state.network), nullcontext() if last else self._unsynchronised():
                tensors = tensors_of(self._pass(self.state.forward, rows, part))
                # A classifier that no loss looks at has no gradient.
                reached = [(t, g[rows]) for t, g in zip(tensors, gradients, strict=True) if g is not None]
                torch.autograd.backward([t for t, _ in reached], [g for _, g in reached])

    def _pass(self, forward: Callable[[Tensor, Tensor], Output], rows: Tensor | slice, part: int) -> Output:
        if self.config.runtime.accumulate > 1:
            # What is dropped differs between processes and parts.
            _seed(self.config, self.state.step, self.share.index * self.config.runtime.accumulate + part)
        with autocast(self.config.runtime, self.device):
            return forward(self.images[rows], self.modalities[rows])

    def _parts(self) -> Iterator[tuple[int, Tensor]]:
        """Yield the rows of each part: as many identities each, visible and infrared."""
        half = torch.arange(len(self.modalities) // 2)
        for part, columns in enumerate(half.chunk(self.config.runtime.accumulate)):
            yield part, torch.cat([columns, len(half) + columns])

    def _unsynchronised(self) -> AbstractContextManager[None]:
        """Keep gradients in this process until the last part."""
        forward = self.state.forward
        return forward.no_sync() if isinstance(forward, DistributedDataParallel) else nullcontext()


def _gather(output: Output, share: Share) -> Output:
    """Put this process's output, with its gradients, among those of the others: (b, …) → (B, …), float32."""
    if share.count == 1:
        return output
    tensors = [widen(tensor) for tensor in tensors_of(output)]
    own = torch.cat(tensors, dim=1)
    parts = [torch.empty_like(own) for _ in range(share.count)]
    dist.all_gather(parts, own.detach())
    parts[share.index] = own
    whole = iter(torch.split(torch.cat(parts), [tensor.shape[1] for tensor in tensors], dim=1))
    return map_tensors(output, lambda _: next(whole))
