"""Adapt the device settings of a run to the machine that it is used on now.

A run's own device and precision are preferences: they are used if available, otherwise the choice of "auto".
"""

from __future__ import annotations

from dataclasses import replace

from mvd import distributed
from mvd.config import Machine, RunConfig
from mvd.distributed.group import local_runtime
from mvd.errors import ConfigError
from mvd.runtime.device import compile_obstacle, resolve_device
from mvd.runtime.precision import check_precision
from mvd.runtime.resolve import check_cuda_graphs


def adapt(config: RunConfig, machine: Machine) -> tuple[RunConfig, tuple[str, ...]]:
    """Choose the device, and the settings that depend on it, for an existing run.

    Args:
        config: configuration of the run.
        machine: the requested settings; "auto" and 0 keep the run's own.

    Returns:
        The configuration to use here, and a line for each setting that differs from the run's own.

    Raises:
        ConfigError: the machine does not have what is asked for.
    """
    own = config.runtime
    runtime = replace(own, workers=machine.workers or own.workers, embed_batch=machine.batch or own.embed_batch)
    runtime = replace(runtime, device=own.device if machine.device == "auto" else machine.device)
    try:
        device = resolve_device(local_runtime(runtime).device)
    except ConfigError:
        if machine.device != "auto":
            raise
        runtime = replace(runtime, device="auto")
        device = resolve_device(local_runtime(runtime).device)
    runtime = replace(runtime, precision=own.precision if machine.precision == "auto" else machine.precision)
    try:
        check_precision(runtime, device)
    except ConfigError:
        if machine.precision != "auto":
            raise
        runtime = replace(runtime, precision="auto")
    if runtime.compile is True and compile_obstacle(device):
        runtime = replace(runtime, compile="auto")
    try:
        check_cuda_graphs(replace(config, runtime=runtime), device)
    except ConfigError:
        runtime = replace(runtime, cuda_graphs="auto")
    notes = [
        f"runtime.{name}: {getattr(runtime, name)}; the run was trained with {getattr(own, name)}"
        for name in ("device", "precision", "compile", "cuda_graphs")
        if getattr(runtime, name) != getattr(own, name)
    ]
    return replace(config, runtime=runtime), tuple(notes) if distributed.is_first() else ()
