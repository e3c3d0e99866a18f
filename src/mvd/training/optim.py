"""The optimizer: parameter groups by learning rate and weight decay, and its state by parameter names."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from mvd.config import OptimizerConfig
from mvd.errors import CheckpointError
from mvd.runs import OPTIMIZER_PREFIX, Tensors
from mvd.training.average import WEIGHTS_PREFIX

_FUSED = {"cpu", "cuda"}


def build_optimizer(network: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """Build the optimizer of the trained parameters.

    The learning rate of encoders is scaled by `encoder_lr_scale`; vectors (norms and biases) have no weight decay
    unless `decay` is "all". Each group stores its factor as "lr_scale", for `set_lr`.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            decayed = parameter.ndim > 1 or config.decay == "all"
            groups.setdefault((".encoder." in name, decayed), []).append(parameter)
    parameters: list[dict[str, Any]] = [
        {
            "params": members,
            "lr_scale": config.encoder_lr_scale if encoder else 1.0,
            "weight_decay": config.weight_decay if decayed else 0.0,
        }
        for (encoder, decayed), members in groups.items()
    ]
    # One kernel for all parameters, if PyTorch has it for the device.
    fused = next(network.parameters()).device.type in _FUSED or None
    match config.kind:
        case "adam":
            return torch.optim.Adam(parameters, lr=config.lr, fused=fused)
        case "adamw":
            return torch.optim.AdamW(parameters, lr=config.lr, fused=fused)
        case "sgd":
            return torch.optim.SGD(parameters, lr=config.lr, momentum=0.9, nesterov=True, fused=fused)


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of the next step, scaled for each group."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_scale"]


def optimizer_tensors(optimizer: torch.optim.Optimizer, network: nn.Module) -> dict[str, npt.NDArray[Any]]:
    """Collect the optimizer's state as arrays named "optimizer/<parameter>/<entry>"."""
    return {
        f"{OPTIMIZER_PREFIX}{name}/{entry}": value.detach().cpu().contiguous().numpy()
        for name, parameter in network.named_parameters()
        for entry, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, torch.Tensor)
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, network: nn.Module, tensors: Tensors) -> None:
    """Restore the state collected by `optimizer_tensors`.

    Raises:
        CheckpointError: an array belongs to no trained parameter, or has another shape.
    """
    parameters = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    for key, value in tensors.items():
        if not key.startswith(OPTIMIZER_PREFIX) or key.startswith(WEIGHTS_PREFIX):
            continue
        name, _, entry = key.removeprefix(OPTIMIZER_PREFIX).rpartition("/")
        parameter = parameters.get(name)
        if parameter is None or (value.ndim and value.shape != tuple(parameter.shape)):
            raise CheckpointError(f"{key}: expected the state of a trained parameter, found {value.shape}")
        tensor = torch.from_numpy(np.array(value))
        optimizer.state[parameter][entry] = (
            tensor.to(parameter.device, parameter.dtype, memory_format=_layout(parameter))
            if value.ndim
            else tensor.to(_home_of_counts(parameter))
        )


def _home_of_counts(parameter: nn.Parameter) -> torch.device:
    """Return the device of the optimizer's step counts: the parameter's if it is fused, otherwise the CPU."""
    return parameter.device if parameter.device.type in _FUSED else torch.device("cpu")


def _layout(parameter: nn.Parameter) -> torch.memory_format:
    channels_last = parameter.ndim == 4 and parameter.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if channels_last else torch.contiguous_format
