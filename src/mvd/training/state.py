"""The state of a run between two steps: network, optimizer, step and best validation."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mvd import distributed
from mvd.config import RunConfig
from mvd.data.pictures import Pictures
from mvd.distributed.batch_norm import share_statistics
from mvd.distributed.group import data_parallel
from mvd.inference.embed import embed_pictures
from mvd.models.factory import Network
from mvd.models.mvd import MVD
from mvd.models.outputs import Output
from mvd.models.resnet import ResNet
from mvd.models.state import initial_network, network_tensors, overlay, restore_network
from mvd.runs import Tensors
from mvd.training.average import WeightAverage, training_weights
from mvd.training.cuda_graph import GraphedGradients
from mvd.training.optim import build_optimizer, optimizer_tensors, restore_optimizer


@dataclass
class TrainState:
    """The state of a run between two steps.

    Attributes:
        network: the network on its device.
        forward: the module that training calls: the network, or its data-parallel wrapper in a distributed run.
        optimizer: optimizer of the network's parameters.
        average: moving average of the network's weights; None if it is not used.
        graph: computes gradients by a CUDA graph after recording it; None if it is not used.
        step: number of steps taken.
        best: the best validation mAP so far.
        best_step: the step of the best validation.
    """

    network: Network
    forward: Callable[[Tensor, Tensor], Output]
    optimizer: torch.optim.Optimizer
    average: WeightAverage | None = None
    graph: GraphedGradients | None = None
    step: int = 0
    best: float | None = None
    best_step: int | None = None

    def kept(self) -> AbstractContextManager[object]:
        """Replace the network's weights within a block by their average, if it is used."""
        return nullcontext() if self.average is None else self.average.applied()

    def network_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Copy parameters and running statistics to the host, by name."""
        arrays = network_tensors(self.network)
        # On the CPU the arrays share memory with the network, from which the average is removed again.
        return arrays if self.average is None else {name: values.copy() for name, values in arrays.items()}

    def training_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Copy the optimizer's state and, with an average, the weights in training, as "optimizer/…"."""
        average = {} if self.average is None else self.average.training_tensors()
        return optimizer_tensors(self.optimizer, self.network) | average

    def restore(self, tensors: Tensors, source: Path) -> None:
        """Load the state from a checkpoint.

        Raises:
            CheckpointError: the checkpoint does not fit.
        """
        restore_network(self.network, tensors, source)
        if self.average is not None:
            self.average.restart()
        # Also if the average was switched on or off in between.
        overlay(self.network, training_weights(tensors))
        restore_optimizer(self.optimizer, self.network, tensors)

    def embed(
        self, config: RunConfig, pictures: Pictures, modalities: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """Embed pictures with the present weights: (N, D)."""
        return embed_pictures(self.network, config.runtime, pictures, modalities)


def initial_state(config: RunConfig, classes: int, device: torch.device) -> TrainState:
    """Build the state before the first step, as a function of the configuration and its seed."""
    network = initial_network(config, classes, device)
    for name, module in network.named_modules():
        if isinstance(module, ResNet):
            module.recompute = config.runtime.recompute is True
            module.compiled = config.runtime.compile is True
        elif name.endswith("encoder") and config.runtime.compile is True:
            module.compile()  # a custom encoder
    if isinstance(network, MVD):
        # Streams need more kernel launches, which only pay off in a CUDA graph.
        network.parallel = config.runtime.cuda_graphs is True
    if distributed.count() > 1:
        share_statistics(network, device)
    forward: nn.Module = network
    if distributed.count() > 1:
        # Only the identity loss uses all classifiers, and a custom encoder may have unused parameters.
        unused = config.losses.identity_weight == 0 or config.model.encoder is not None
        forward = data_parallel(forward, device, unused=unused)
    average = WeightAverage(network, config.optimizer.ema) if config.optimizer.ema else None
    return TrainState(network, forward, build_optimizer(network, config.optimizer), average)


def start_from(state: TrainState, tensors: Tensors) -> None:
    """Load pre-trained weights into a state before its first step; other tensors keep their values.

    Raises:
        CheckpointError: the network has no tensor of an array's name, or its shape differs.
    """
    overlay(state.network, tensors)
    if state.average is not None:
        state.average.restart()
