"""The PyTorch engine: CPU, CUDA and every other device of PyTorch (see `mvd.commands.engine.Engine`)."""

from __future__ import annotations

import torch

from mvd.config import RunConfig
from mvd.distributed.group import local_runtime, require_divisible
from mvd.errors import ConfigError
from mvd.inference.embed import embed
from mvd.inference.export import export
from mvd.losses.objective import build_objective
from mvd.models.factory import build_network
from mvd.models.state import initial_network
from mvd.runtime.adapt import adapt
from mvd.runtime.defaults import torch_defaults
from mvd.runtime.device import compile_obstacle, resolve_device
from mvd.runtime.precision import check_precision
from mvd.runtime.resolve import check_cuda_graphs
from mvd.training.trainer import fit

__all__ = ["adapt", "check", "checkpoint_size", "embed", "export", "fit"]

_MOMENTS = {"adam": 2, "adamw": 2, "sgd": 1}
"""Number of state tensors per parameter, by optimizer."""


@torch_defaults()
def check(config: RunConfig) -> str:
    """Check that a configuration can be trained here, and name the device; see `mvd.commands.engine.Engine`."""
    build_objective(config)
    if config.model.encoder is not None:
        initial_network(config, 2, torch.device("cpu"))  # raises the errors of a custom encoder
    device = resolve_device(local_runtime(config.runtime).device)
    check_precision(config.runtime, device)
    require_divisible(config)
    check_cuda_graphs(config, device)
    if config.runtime.compile is True and (obstacle := compile_obstacle(device)):
        raise ConfigError(f"runtime.compile: expected {obstacle}, found none; install one, or do not compile")
    return str(device)


@torch_defaults()
def checkpoint_size(config: RunConfig, classes: int) -> tuple[int, int]:
    """Return the bytes of weights and of the optimizer's state; see `mvd.commands.engine.Engine`."""
    own = config.model.encoder is not None  # its constructor may need values
    with torch.random.fork_rng(devices=[]), torch.device("cpu" if own else "meta"):
        network = build_network(config.model, classes)
    trained = sum(parameter.nbytes for parameter in network.parameters() if parameter.requires_grad)
    weights = sum(value.nbytes for value in network.state_dict().values())
    averaged = weights if config.optimizer.ema else 0  # the weights in training, stored beside the average
    return weights, _MOMENTS[config.optimizer.kind] * trained + averaged
