"""The MindSpore engine: CPU and Ascend (see `mvd.commands.engine.Engine`)."""

from __future__ import annotations

from math import prod

from mvd.config import RunConfig
from mvd.mindspore import device
from mvd.mindspore.adapt import adapt
from mvd.mindspore.inference.embed import embed
from mvd.mindspore.inference.export import export
from mvd.mindspore.losses.objective import build_objective
from mvd.mindspore.models.factory import require_here
from mvd.mindspore.training.trainer import fit
from mvd.weights.shapes import network_shapes

__all__ = ["adapt", "check", "checkpoint_size", "embed", "export", "fit"]

_MOMENTS = {"adam": 2, "adamw": 2, "sgd": 1}  # values of optimizer state per parameter
_COUNTER, _STATISTICS = ".num_batches_tracked", (".running_mean", ".running_var")


def check(config: RunConfig) -> str:
    """Check that this engine can train a configuration, and return the device; see `mvd.commands.engine.Engine`."""
    found = device.check(config)
    build_objective(config)
    return found


def checkpoint_size(config: RunConfig, classes: int) -> tuple[int, int]:
    """Return the sizes of the weights and of the optimizer's state, in bytes; see `mvd.commands.engine.Engine`."""
    require_here(config.model)
    shapes = network_shapes(config.model, classes)
    sizes = {name: prod(shape) * (8 if name.endswith(_COUNTER) else 4) for name, shape in shapes.items()}
    fixed = (_COUNTER, *_STATISTICS) if config.model.neck_bias else (_COUNTER, *_STATISTICS, ".neck.norm.bias")
    trained = sum(size for name, size in sizes.items() if not name.endswith(fixed))
    return sum(sizes.values()), _MOMENTS[config.optimizer.kind] * trained
