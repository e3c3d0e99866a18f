"""The MindSpore engine: CPU and Ascend (see `mvd.commands.engine.Engine`)."""

from __future__ import annotations

from mvd.config import RunConfig
from mvd.mindspore import device
from mvd.mindspore.adapt import adapt
from mvd.mindspore.inference.embed import embed
from mvd.mindspore.inference.export import export
from mvd.mindspore.losses.objective import build_objective
from mvd.mindspore.training.trainer import fit

__all__ = ["adapt", "check", "embed", "export", "fit"]


def check(config: RunConfig) -> str:
    """Check that a configuration can be trained here, and name the device; see `mvd.commands.engine.Engine`."""
    found = device.check(config)
    build_objective(config)
    return found
