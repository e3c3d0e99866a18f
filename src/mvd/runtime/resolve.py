"""Resolve "auto" in a run's configuration for a given device.

Explicit settings are not changed. `docs/watching.md` lists the choices, BENCHMARKS.md their gain.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from mvd import distributed
from mvd.config import RunConfig
from mvd.errors import ConfigError
from mvd.runtime.device import compile_obstacle
from mvd.runtime.precision import resolve_precision

# On an H100, compiling takes 40 to 65 seconds and saves 17 ms per step (BENCHMARKS.md): it breaks even after 3,000 to
# 4,000 steps.
_STEPS_WORTH_COMPILING = 5_000


def resolve_runtime(config: RunConfig, device: torch.device, steps: int) -> RunConfig:
    """Replace every "auto" of the runtime.

    The choice depends only on the configuration and the type of device, so a resumed run makes the same choice.

    Args:
        config: configuration of the run.
        device: the training device.
        steps: total number of steps of the run.

    Raises:
        ConfigError: the device does not support a setting.
    """
    check_cuda_graphs(config, device)
    runtime = resolve_precision(config.runtime, device)
    # A custom encoder or loss may synchronise with the device, which a CUDA graph refuses, or may not compile.
    ours = config.model.encoder is None and not config.losses.extra
    if runtime.compile == "auto":
        pays = device.type == "cuda" and runtime.recompute is not True and ours and steps >= _STEPS_WORTH_COMPILING
        runtime = replace(runtime, compile=pays and compile_obstacle(device) is None)
    if runtime.cuda_graphs == "auto":
        able = ours and runtime.recompute is not True and _graph_obstacle(config, device) is None
        runtime = replace(runtime, cuda_graphs=able)
    return replace(config, runtime=runtime)


def check_cuda_graphs(config: RunConfig, device: torch.device) -> None:
    """Refuse CUDA graphs if a step cannot be recorded as one.

    Raises:
        ConfigError: CUDA graphs are requested, and a step cannot be recorded.
    """
    if config.runtime.cuda_graphs is True and (obstacle := _graph_obstacle(config, device)):
        raise ConfigError(f"runtime.cuda-graphs: expected auto or False {obstacle}, found True; leave it out")


def _graph_obstacle(config: RunConfig, device: torch.device) -> str | None:
    if device.type != "cuda":
        return f"on {device.type}"
    if distributed.count() > 1:
        return "where several processes share a run"
    if config.runtime.accumulate > 1:
        return "with runtime.accumulate above 1"
    if config.model.stems == "specific":
        # Pictures are sorted by modality on the host.
        return "with a stem for each modality"
    return None
