"""Networks to arrays and back: the tensors of a network in a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch

from mvd.config import ModelConfig, RunConfig
from mvd.errors import CheckpointError, some
from mvd.models.factory import Network, build_network
from mvd.runs import OPTIMIZER_PREFIX, Tensors
from mvd.runtime.device import memory_format


def initial_network(config: RunConfig, classes: int, device: torch.device) -> Network:
    """Build the network as it is before training: a function of the configuration and its seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = build_network(config.model, classes)
    # PyTorch's stubs do not know this argument of `Module.to`.
    return cast("Network", network.to(device=device, memory_format=memory_format(config.runtime)))  # type: ignore[call-overload]


def state_shapes(config: ModelConfig, classes: int) -> dict[str, tuple[int, ...]]:
    """List the tensors of a network with their shapes, without allocating any.

    >>> state_shapes(ModelConfig(arch="resnet18", base_width=4), classes=3)["shared.neck.classifier.weight"]
    (3, 32)
    """
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in build_network(config, classes).state_dict().items()}


def network_tensors(network: Network) -> dict[str, npt.NDArray[Any]]:
    """Collect parameters and running statistics by name."""
    return {name: value.detach().cpu().contiguous().numpy() for name, value in network.state_dict().items()}


def restore_network(network: Network, tensors: Tensors, source: Path) -> None:
    """Load what `network_tensors` collected; the optimizer's tensors among them are skipped.

    Raises:
        CheckpointError: a tensor is missing, left over, or of another shape; they are named.
    """
    stored = {name: value for name, value in tensors.items() if not name.startswith(OPTIMIZER_PREFIX)}
    wanted = network.state_dict()
    problems = [f"no {name}" for name in wanted.keys() - stored.keys()]
    problems += [f"unknown {name}" for name in stored.keys() - wanted.keys()]
    problems += [
        f"{name} of shape {stored[name].shape} instead of {tuple(value.shape)}"
        for name, value in wanted.items()
        if name in stored and stored[name].shape != tuple(value.shape)
    ]
    if problems:
        raise CheckpointError(f"{source}: expected the weights of this run's network, found {some(sorted(problems))}")
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in stored.items()})


def overlay(network: Network, tensors: Tensors) -> None:
    """Load arrays into a network; tensors without one keep their values.

    Raises:
        CheckpointError: an array is unknown to the network, or of another shape.
    """
    wanted = network.state_dict()
    for name, value in tensors.items():
        if name not in wanted or tuple(wanted[name].shape) != value.shape:
            raise CheckpointError(f"{name}: expected an array of this network, found one of shape {value.shape}")
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in tensors.items()}, strict=False)
