"""Adapt an existing run to MindSpore on this machine, as `mvd.runtime.adapt` does for PyTorch."""

from __future__ import annotations

from dataclasses import replace

from mvd.config import Machine, RunConfig
from mvd.errors import ConfigError
from mvd.mindspore.device import fit_runtime, resolve_device


def adapt(config: RunConfig, machine: Machine) -> tuple[RunConfig, tuple[str, ...]]:
    """Choose the device and dependent settings for an existing run; see `mvd.commands.engine.Engine.adapt`."""
    own = config.runtime
    runtime = replace(own, workers=machine.workers or own.workers, embed_batch=machine.batch or own.embed_batch)
    runtime = replace(runtime, device=own.device if machine.device == "auto" else machine.device)
    try:
        resolve_device(runtime.device)
    except ConfigError:
        if machine.device != "auto":
            raise
        runtime = replace(runtime, device="auto")
    runtime = fit_runtime(runtime)
    if machine.precision != "auto":
        runtime = replace(runtime, precision=machine.precision)
    notes = [
        f"runtime.{name}: {getattr(runtime, name)}; the run was trained with {getattr(own, name)}"
        for name in ("device", "precision", "cuda_graphs", "recompute")
        if getattr(runtime, name) != getattr(own, name)
    ]
    return replace(config, runtime=runtime), tuple(notes)
