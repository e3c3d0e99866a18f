"""Convert networks to arrays and back, by PyTorch's names, as in checkpoints of either framework.

PyTorch's batch norms count batches; MindSpore's do not, and nothing uses the counters. Here they are written as 0 and
ignored when reading.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mindspore
import numpy as np
import numpy.typing as npt
from mindspore import Tensor

from mvd.config import RunConfig
from mvd.errors import CheckpointError, some
from mvd.mindspore.models.factory import Network, build_network, our_parameters
from mvd.runs import OPTIMIZER_PREFIX, Tensors

_COUNTER = ".num_batches_tracked"
_STATISTIC = ".running_mean"


def initial_network(config: RunConfig, classes: int) -> Network:
    """Build the untrained network, determined by the configuration and its seed."""
    mindspore.set_seed(config.seed)
    return build_network(config.model, classes)


def network_tensors(network: Network) -> dict[str, npt.NDArray[Any]]:
    """Collect parameters, running statistics and counters by name."""
    tensors: dict[str, npt.NDArray[Any]] = {name: one.asnumpy() for name, one in our_parameters(network).items()}
    return tensors | {f"{norm}{_COUNTER}": np.zeros((), np.int64) for norm in _norms(tensors)}


def restore_network(network: Network, tensors: Tensors, source: Path) -> None:
    """Load tensors of `network_tensors`, from either framework; optimizer state is ignored.

    Raises:
        CheckpointError: tensors are missing, unknown, or of another shape; the message names them.
    """
    stored = {name: value for name, value in tensors.items() if not name.startswith(OPTIMIZER_PREFIX)}
    wanted = {name: tuple(one.shape) for name, one in our_parameters(network).items()}
    counters = {f"{norm}{_COUNTER}" for norm in _norms(wanted)}
    problems = [f"no {name}" for name in wanted.keys() - stored.keys()]
    problems += [f"unknown {name}" for name in stored.keys() - wanted.keys() - counters]
    problems += [
        f"{name} of shape {stored[name].shape} instead of {shape}"
        for name, shape in wanted.items()
        if name in stored and stored[name].shape != shape
    ]
    if problems:
        raise CheckpointError(f"{source}: expected the weights of this run's network, found {some(sorted(problems))}")
    overlay(network, stored)


def overlay(network: Network, tensors: Tensors) -> None:
    """Load arrays into a network; tensors without an array keep their values, and counters are ignored.

    Raises:
        CheckpointError: an array is unknown to the network, or of another shape.
    """
    parameters = our_parameters(network)
    taken = {name: value for name, value in tensors.items() if not name.endswith(_COUNTER)}
    for name, value in taken.items():
        if name not in parameters or tuple(parameters[name].shape) != value.shape:
            raise CheckpointError(f"{name}: expected an array of this network, found one of shape {value.shape}")
    for name, value in taken.items():
        parameters[name].set_data(Tensor(np.ascontiguousarray(value, dtype=np.float32)))


def _norms(names: Any) -> list[str]:
    return [name.removesuffix(_STATISTIC) for name in names if name.endswith(_STATISTIC)]
