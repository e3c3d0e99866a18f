"""The optimizer: the updates of PyTorch's, and their state by the names of the parameters.

MindSpore's own do other arithmetic on the CPU: `nn.Adam` and `mindspore.experimental.optim.Adam` add epsilon before the
correction of the second moment and not after it, which a first step shows; `mindspore.mint.optim` computes as PyTorch
does, on Ascend alone. So the updates are written out here, with MindSpore's operators, and are part of the compiled
step.
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
"""PyTorch's names of what an optimizer keeps for each parameter."""


class Optimizer(nn.Cell):
    """Adam, AdamW or SGD with Nesterov momentum, over the trained parameters of a network.

    Encoders learn at `encoder_lr_scale` times the rate; vectors (norms and biases) are spared weight decay unless
    `decay` is "all".

    Args:
        parameters: by our names.
        config: kind and constants.

    Attributes:
        taken: updates so far.
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
        self.moments = tuple(
            self.parameters.clone(prefix=f"optimizer/{entry}", init="zeros") for entry in _ENTRIES[config.kind]
        )
        self.taken = 0

    def scalars(self, lr: float) -> Tensor:
        """Compute what the next update depends on beside the gradients: (3,) float32, for `construct`.

        They are the rate, the rate over the first moment's correction, and the root of the second moment's.
        """
        step = self.taken + 1
        return Tensor(np.array([lr, lr / (1 - _BETA1**step), (1 - _BETA2**step) ** 0.5], np.float32))

    def construct(self, gradients: tuple[Tensor, ...], scalars: Tensor) -> None:
        """Update the parameters and their moments; part of a step's graph.

        Args:
            gradients: one for each parameter.
            scalars: what `scalars` returned.
        """
        if self.clip_norm:
            gradients = _clipped(gradients, self.clip_norm)
        lr, corrected, root = scalars[0], scalars[1], scalars[2]
        for k in range(len(self.parameters)):
            parameter, gradient = self.parameters[k], gradients[k]
            scale, decay = self.scales[k], self.decays[k]
            if self.kind == "sgd":
                gradient = gradient + decay * parameter if decay else gradient
                # PyTorch starts the momentum with the gradient itself, which 0 + gradient is.
                momentum = _MOMENTUM * self.moments[0][k] + gradient
                ops.assign(self.moments[0][k], momentum)
                ops.assign(parameter, parameter - scale * lr * (gradient + _MOMENTUM * momentum))
            else:
                value = parameter
                if decay and self.kind == "adamw":
                    value = value - scale * lr * decay * value
                elif decay:
                    gradient = gradient + decay * parameter
                mean = _BETA1 * self.moments[0][k] + (1 - _BETA1) * gradient
                square = _BETA2 * self.moments[1][k] + (1 - _BETA2) * gradient * gradient
                ops.assign(self.moments[0][k], mean)
                ops.assign(self.moments[1][k], square)
                ops.assign(parameter, value - scale * corrected * mean / (ops.sqrt(square) / root + _EPSILON))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Collect the state as arrays named "optimizer/<parameter>/<entry>", those that PyTorch's optimizer has."""
        if not self.taken:
            return {}
        entries = _ENTRIES[self.kind]
        arrays: dict[str, npt.NDArray[Any]] = {}
        for k, name in enumerate(self.names):
            if self.kind != "sgd":
                arrays[f"{OPTIMIZER_PREFIX}{name}/step"] = np.array(self.taken, np.float32)
            for entry, moments in zip(entries, self.moments, strict=True):
                arrays[f"{OPTIMIZER_PREFIX}{name}/{entry}"] = moments[k].asnumpy()
        return arrays

    def restore(self, tensors: Tensors) -> None:
        """Put back what `arrays` collected, here or in PyTorch.

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
                self.moments[entries.index(entry)][k].set_data(Tensor(np.ascontiguousarray(value, np.float32)))
            # PyTorch's SGD does not count.
            self.taken = max(self.taken, int(value) if entry == "step" else 1)


def _clipped(gradients: tuple[Tensor, ...], most: float) -> tuple[Tensor, ...]:
    """Scale gradients so that their L2 norm, all together, is at most `most`, as PyTorch does."""
    total = ops.square(gradients[0]).sum()
    for k in range(1, len(gradients)):
        total = total + ops.square(gradients[k]).sum()
    factor = ops.minimum(most / (ops.sqrt(total) + 1e-6), ops.ones_like(total))
    scaled = []
    for gradient in gradients:
        scaled.append(gradient * factor)
    return tuple(scaled)
