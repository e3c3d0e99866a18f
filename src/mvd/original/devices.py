"""What to compute on: the release's device targets as devices of PyTorch, each looked for before anything is written.

Here are only names, such as "npu:0" for the first Ascend processor; looking for devices is the backend's.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

from mvd.backends import load_backend
from mvd.config import RunConfig
from mvd.errors import ConfigError
from mvd.original.arguments import Arguments, Target


def choose_device(arguments: Arguments, target: Target) -> str:
    """Name the device of a target, as `mvd.config.RuntimeConfig.device` takes it.

    Raises:
        ConfigError: several devices are asked for.
    """
    _require_one_device(arguments)
    match target:
        case "CPU":
            return "cpu"
        case "GPU":
            return f"cuda:{arguments.gpus[0]}"
        case "Ascend":
            return f"npu:{arguments.device_id}"
        case "Cloud":
            return choose_device(arguments, "Ascend") if find_spec("torch_npu") else "auto"


def require_device(config: RunConfig) -> str:
    """Check that a configuration can run here, compiled or not.

    Returns:
        The device that it will run on.

    Raises:
        ConfigError: the device is not there, or the configuration cannot be built.
    """
    return load_backend(config).check(replace(config, runtime=replace(config.runtime, compile=False)))


def compile_if_possible(config: RunConfig) -> tuple[RunConfig, list[str]]:
    """Leave compiling away where something for it is missing: it makes steps faster, and changes nothing else.

    Args:
        config: the run; its device must be there.

    Returns:
        The configuration, and what to say of it.
    """
    obstacle = load_backend(config).compile_obstacle(config) if config.runtime.compile else None
    if obstacle is None:
        return config, []
    note = f"--MSmode GRAPH_MODE: the network is not compiled, for that takes {obstacle}"
    return replace(config, runtime=replace(config.runtime, compile=False)), [note]


def _require_one_device(arguments: Arguments) -> None:
    devices = max(arguments.device_num, len(arguments.gpus))
    if devices > 1:
        raise ConfigError(
            f"--device_num: expected 1, found {devices}: a run trains on one device so far; leave it away, and choose "
            f"the device with --gpu or --device_id"
        )
