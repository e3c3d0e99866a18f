"""Optimizers with PyTorch's update rules, and their state by parameter name.

On a CPU, MindSpore's own optimizers compute different updates: `nn.Adam` and `mindspore.experimental.optim.Adam` add
epsilon before the bias correction of the second moment, not after it, which affects the first steps.
`mindspore.mint.optim` computes like PyTorch, but only on Ascend. So the updates are implemented here with MindSpore
operators, as part of the compiled step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops

from mvd.config import OptimizerConfig
from mvd.errors import CheckpointError
from mvd.runs import OPTIMIZER_PREFIX, Tensors

_BETA1, _BETA2, _EPSILON, _MOMENTUM = 0.9, 0.999, 1e-8, 0.9

_ENTRIES = {"adam": ("exp_avg", "exp_avg_sq"), "adamw": ("exp_avg", "exp_avg_sq"), "sgd": ("momentum_buffer",)}
"""PyTorch's names of the optimizer state per parameter."""

_adam, _adamw, _sgd = (ops.MultitypeFuncGraph(name) for name in ("adam", "adamw", "sgd"))
_sum_of_squares, _scaled = (ops.MultitypeFuncGraph(name) for name in ("sum_of_squares", "scaled"))
_SIGNATURE = ("Tensor",) * 3 + ("Float",) * 2 + ("Tensor",) * 3


def _adam_update(  # noqa: PLR0917 - the arguments of HyperMap
    lr: Tensor,
    corrected: Tensor,
    root: Tensor,
    scale: float,
    decay: float,
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
) -> Tensor:
    return _adam_step(corrected * scale, root, parameter, parameter, gradient + decay * parameter, first, second)


def _adamw_update(  # noqa: PLR0917
    lr: Tensor,
    corrected: Tensor,
    root: Tensor,
    scale: float,
    decay: float,
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
) -> Tensor:
    decayed = parameter * (1 - lr * scale * decay)
    return _adam_step(corrected * scale, root, parameter, decayed, gradient, first, second)


def _adam_step(  # noqa: PLR0917
    rate: Tensor, root: Tensor, parameter: Tensor, value: Tensor, gradient: Tensor, first: Tensor, second: Tensor
) -> Tensor:
    mean = _BETA1 * first + (1 - _BETA1) * gradient
    square = _BETA2 * second + (1 - _BETA2) * gradient * gradient
    done = first.copy_(mean), second.copy_(square)
    after = value - rate * mean / (ops.sqrt(square) / root + _EPSILON)
    return ops.depend(parameter.copy_(after), done)


def _sgd_update(  # noqa: PLR0917
    lr: Tensor,
    corrected: Tensor,
    root: Tensor,
    scale: float,
    decay: float,
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
) -> Tensor:
    gradient = gradient + decay * parameter
    # PyTorch initialises the momentum with the gradient, which equals 0 + gradient.
    momentum = first.copy_(_MOMENTUM * first + gradient)
    return parameter.copy_(parameter - lr * scale * (gradient + _MOMENTUM * momentum))


def _of_squares(gradient: Tensor) -> Tensor:
    return ops.square(gradient).sum()


def _scale(factor: Tensor, gradient: Tensor) -> Tensor:
    return gradient * factor


_adam.register(*_SIGNATURE, "Tensor")(_adam_update)
_adamw.register(*_SIGNATURE, "Tensor")(_adamw_update)
_sgd.register(*_SIGNATURE)(_sgd_update)
_sum_of_squares.register("Tensor")(_of_squares)
_scaled.register("Tensor", "Tensor")(_scale)


class Optimizer(nn.Cell):
    """Adam, AdamW or SGD with Nesterov momentum, for the trainable parameters of a network.

    Encoders have `encoder_lr_scale` times the learning rate. Weight decay is not applied to vectors (norms and biases),
    unless `decay` is "all".

    Args:
        parameters: parameters by name, as in `mvd.weights`.
        config: kind and hyperparameters.

    Attributes:
        taken: number of updates so far.
    """

    def __init__(self, parameters: Mapping[str, Parameter], config: OptimizerConfig) -> None:
        super().__init__(auto_prefix=False)
        trained = {name: one for name, one in parameters.items() if one.requires_grad}
        self.kind, self.clip_norm = config.kind, config.clip_norm
        self.names = tuple(trained)
        self.parameters = ParameterTuple(trained.values())
        self.scales = tuple(config.encoder_lr_scale if ".encoder." in name else 1.0 for name in trained)
        self.decays = tuple(
            config.weight_decay if one.ndim > 1 or config.decay == "all" else 0.0 for one in trained.values()
        )
        self.first = self.parameters.clone(prefix="first", init="zeros")
        self.second = self.parameters.clone(prefix="second", init="zeros") if config.kind != "sgd" else None
        self.each = ops.HyperMap()
        self.taken = 0

    def scalars(self, lr: float) -> Tensor:
        """Compute the scalars of the next update for `construct`: (3,) float32.

        They are the learning rate, the learning rate divided by the bias correction of the first moment, and the square
        root of the bias correction of the second moment.
        """
        step = self.taken + 1
        return Tensor(np.array([lr, lr / (1 - _BETA1**step), (1 - _BETA2**step) ** 0.5], np.float32))

    def construct(self, gradients: tuple[Tensor, ...], scalars: Tensor) -> None:
        """Update the parameters and their moments; part of a step's graph.

        Args:
            gradients: one for each parameter.
            scalars: result of `scalars`.
        """
        if self.clip_norm:
            gradients = self._clipped(gradients)
        # In PYNATIVE_MODE an operator on a view such as scalars[0] takes 3 ms instead of 0.1.
        lr, corrected, root = scalars[0] * 1, scalars[1] * 1, scalars[2] * 1
        if self.kind == "sgd":
            update = ops.partial(_sgd, lr, corrected, root)
            self.each(update, self.scales, self.decays, self.parameters, gradients, self.first)
        else:
            update = ops.partial(_adamw if self.kind == "adamw" else _adam, lr, corrected, root)
            self.each(update, self.scales, self.decays, self.parameters, gradients, self.first, self.second)

    def _clipped(self, gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Clip the global L2 norm of the gradients to `clip_norm`, as PyTorch does."""
        norm = ops.sqrt(ops.addn(self.each(_sum_of_squares, gradients)))
        factor = ops.minimum(self.clip_norm / (norm + 1e-6), ops.ones_like(norm))
        scaled: tuple[Tensor, ...] = self.each(ops.partial(_scaled, factor), gradients)
        return scaled

    @property
    def _moments(self) -> list[ParameterTuple]:
        return [self.first] if self.second is None else [self.first, self.second]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the state as arrays named "optimizer/<parameter>/<entry>", with PyTorch's entries."""
        if not self.taken:
            return {}
        entries = _ENTRIES[self.kind]
        arrays: dict[str, npt.NDArray[Any]] = {}
        for k, name in enumerate(self.names):
            if self.kind != "sgd":
                arrays[f"{OPTIMIZER_PREFIX}{name}/step"] = np.array(self.taken, np.float32)
            for entry, moments in zip(entries, self._moments, strict=True):
                arrays[f"{OPTIMIZER_PREFIX}{name}/{entry}"] = moments[k].asnumpy()
        return arrays

    def restore(self, tensors: Tensors) -> None:
        """Restore the state from `arrays`, of either framework.

        Raises:
            CheckpointError: an array belongs to no trained parameter, or has another shape.
        """
        entries, places = _ENTRIES[self.kind], {name: k for k, name in enumerate(self.names)}
        self.taken = 0
        for key, value in tensors.items():
            if not key.startswith(OPTIMIZER_PREFIX):
                continue
            name, _, entry = key.removeprefix(OPTIMIZER_PREFIX).rpartition("/")
            k = places.get(name)
            if k is None or (value.ndim and value.shape != tuple(self.parameters[k].shape)):
                raise CheckpointError(f"{key}: expected the state of a trained parameter, found {value.shape}")
            if entry in entries:
                self._moments[entries.index(entry)][k].set_data(Tensor(np.ascontiguousarray(value, np.float32)))
            # PyTorch's SGD has no step counter.
            self.taken = max(self.taken, int(value) if entry == "step" else 1)
