"""What "auto" means in a run's configuration, on a given device.

Explicit settings stay as they are. `docs/watching.md` says what is chosen where, BENCHMARKS.md what it gains.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from mvd import distributed
from mvd.config import RunConfig
from mvd.errors import ConfigError
from mvd.runtime.device import compile_obstacle
from mvd.runtime.precision import resolve_precision

# On an H100, compiling takes 40 to 55 seconds and saves 17 ms a step (BENCHMARKS.md): even after some 3,000 steps.
_STEPS_WORTH_COMPILING = 5_000


def resolve_runtime(config: RunConfig, device: torch.device, steps: int) -> RunConfig:
    """Replace every "auto" of the runtime.

    The choice depends on the configuration and the kind of device alone, so a resumed run makes the same.

    Args:
        config: the run.
        device: that it runs on.
        steps: of the whole run.

    Raises:
        ConfigError: a setting asks for what the device does not have.
    """
    check_cuda_graphs(config, device)
    runtime = resolve_precision(config.runtime, device)
    # One's own encoder or loss may wait for the device, which a graph refuses, or compile badly.
    ours = config.model.encoder is None and not config.losses.extra
    if runtime.compile == "auto":
        pays = device.type == "cuda" and runtime.recompute is not True and ours and steps >= _STEPS_WORTH_COMPILING
        runtime = replace(runtime, compile=pays and compile_obstacle(device) is None)
    if runtime.cuda_graphs == "auto":
        able = ours and runtime.recompute is not True and _graph_obstacle(config, device) is None
        runtime = replace(runtime, cuda_graphs=able)
    return replace(config, runtime=runtime)


def check_cuda_graphs(config: RunConfig, device: torch.device) -> None:
    """Refuse CUDA graphs where a step cannot be one.

    Raises:
        ConfigError: they are asked for, and it cannot.
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
