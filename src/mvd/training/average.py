"""Exponential moving average of a network's weights, which is validated and stored instead of the weights.

The average a of each parameter and running statistic w is updated after each step: a ← d·a + (1 − d)·w. The decay d of
step t, from 0, is the smaller of `optimizer.ema` and (1 + t) / (10 + t), so that the initial weights are forgotten even
in a short run. It depends only on the step: a resumed average has the bits of an uninterrupted run.

In a checkpoint, the average has the network's names, so that readers of weights get the average; the weights in
training are stored beside the optimizer's state.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy.typing as npt
import torch
from torch import nn

from mvd.runs import OPTIMIZER_PREFIX, Tensors

WEIGHTS_PREFIX = f"{OPTIMIZER_PREFIX}weights/"
"""Prefix of the names of the weights in training, in checkpoints of a run with an average."""


class WeightAverage:
    """The average of a network's floating-point tensors, on their device.

    Args:
        network: the network; the average starts from its present weights.
        decay: d, 0 ≤ d < 1.

    >>> network = nn.Linear(1, 1, bias=False)
    >>> _ = nn.init.zeros_(network.weight)
    >>> average = WeightAverage(network, decay=0.5)
    >>> _ = nn.init.ones_(network.weight)
    >>> average.update(step=0)  # the decay of the first step is 1 / 10
    >>> with average.applied():
    ...     print(round(network.weight.item(), 6))
    0.9
    >>> network.weight.item()
    1.0
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        # They share their memory with the network.
        self.current = {name: value for name, value in network.state_dict().items() if value.is_floating_point()}
        self.average = [tensor.clone() for tensor in self.current.values()]

    def restart(self) -> None:
        """Restart the average from the network's present weights."""
        torch._foreach_copy_(self.average, list(self.current.values()))

    def update(self, step: int) -> None:
        """Update the average by the weights after a step, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.average, list(self.current.values()), 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Replace the network's weights by the average within a block."""
        current = list(self.current.values())
        own = [tensor.clone() for tensor in current]
        torch._foreach_copy_(current, self.average)
        try:
            yield
        finally:
            torch._foreach_copy_(current, own)

    def training_tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Collect the weights in training, under their names in a checkpoint."""
        return {WEIGHTS_PREFIX + name: tensor.cpu().contiguous().numpy() for name, tensor in self.current.items()}


def training_weights(tensors: Tensors) -> Tensors:
    """Select the weights in training from a checkpoint, by the network's names; empty in a run without an average."""
    return {name.removeprefix(WEIGHTS_PREFIX): v for name, v in tensors.items() if name.startswith(WEIGHTS_PREFIX)}
