"""Gradient caching: a batch that does not fit into memory goes through the network in parts.

The first pass, without gradients, gives the losses of the whole batch and their gradient with respect to the outputs.
The second pass backpropagates that gradient to the weights, part by part (Gao et al., RepL4NLP 2021). The losses see
the whole batch; batch norm sees one part at a time.

Shapes: b pictures of this process, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from mvd import distributed
from mvd.config import RunConfig
from mvd.models.outputs import Output, map_tensors, tensors_of
from mvd.runtime.device import autocast
from mvd.runtime.recompute import frozen_statistics
from mvd.training.state import TrainState


def forward_in_parts(state: TrainState, config: RunConfig, images: Tensor, modalities: Tensor) -> Output:
    """Compute the outputs of all pictures without a graph, as leaves that collect the gradient of the losses.

    Args:
        state: contains the network.
        config: configuration of the run; `runtime.accumulate` is the number of parts.
        images: (b, 3, H, W) on the device, visible pictures first.
        modalities: (b,) on the host.
    """
    parts = list(_parts(config, modalities))
    outputs = []
    for part, rows in parts:
        seed_dropout(config, state.step, part)
        with torch.no_grad(), autocast(config.runtime, images.device):
            outputs.append(state.network(images[rows], modalities[rows]))
    order = torch.cat([rows for _, rows in parts]).argsort()
    joined = [torch.cat(tensors)[order] for tensors in zip(*map(tensors_of, outputs), strict=True)]
    leaves = iter([tensor.detach().requires_grad_() for tensor in joined])
    whole: Output = map_tensors(outputs[0], lambda _: next(leaves))
    return whole


def backward_in_parts(state: TrainState, config: RunConfig, images: Tensor, modalities: Tensor, output: Output) -> None:
    """Embed the parts again, and backpropagate the gradient collected in `output` to the weights."""
    gradients = [tensor.grad for tensor in tensors_of(output)]
    for part, rows in _parts(config, modalities):
        last = part == config.runtime.accumulate - 1
        # Processes exchange gradients only after the last part.
        alone = isinstance(state.forward, DistributedDataParallel) and not last
        with frozen_statistics(state.network), state.forward.no_sync() if alone else nullcontext():  # type: ignore[attr-defined]
            seed_dropout(config, state.step, part)
            with autocast(config.runtime, images.device):
                tensors = tensors_of(state.forward(images[rows], modalities[rows]))
            # A classifier that no loss reads has no gradient.
            reached = [(t, g[rows]) for t, g in zip(tensors, gradients, strict=True) if g is not None]
            torch.autograd.backward([t for t, _ in reached], [g for _, g in reached])


def seed_dropout(config: RunConfig, step: int, part: int = 0) -> None:
    """Seed torch's generator by seed, step, process and part; in a step, only dropout draws from it."""
    number = distributed.index() * config.runtime.accumulate + part
    torch.manual_seed(((config.seed << 32) + step) ^ (number << 24))


def _parts(config: RunConfig, modalities: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield the rows of each part: equally many identities, with all their pictures."""
    streams = torch.arange(len(modalities)).reshape(config.augment.streams, -1)
    for part, columns in enumerate(streams.chunk(config.runtime.accumulate, dim=1)):
        yield part, columns.flatten()
