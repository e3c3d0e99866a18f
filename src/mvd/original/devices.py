"""What to compute on: the release's device targets as devices of PyTorch, each looked for before anything is written.

Here are only names, such as "npu:0" for the first Ascend processor; looking for devices is the backend's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec

from mvd.commands.engine import load_engine
from mvd.config import RunConfig
from mvd.distributed.launch import launch
from mvd.original.arguments import Arguments, Target


def choose_device(arguments: Arguments, target: Target) -> str:
    """Name the device of a target, as `mvd.config.RuntimeConfig.device` takes it.

    Where there are several, it has no number: each process takes its own.
    """
    several = count_devices(arguments) > 1
    match target:
        case "CPU":
            return "cpu"
        case "GPU":
            return "cuda" if several else f"cuda:{arguments.gpus[0]}"
        case "Ascend":
            return "npu" if several else f"npu:{arguments.device_id}"
        case "Cloud":
            return choose_device(arguments, "Ascend") if find_spec("torch_npu") else "auto"


def count_devices(arguments: Arguments) -> int:
    """Count the devices that are asked for, of which each takes a process."""
    return max(arguments.device_num, len(arguments.gpus))


def launch_on_devices(arguments: Arguments, module: str, given: Sequence[str]) -> int:
    """Start a program again as a process for each device, and wait for their end; what they are given is the same.

    Args:
        arguments: the command line.
        module: the program's.
        given: the command line as it was typed.

    Returns:
        The exit code.
    """
    # Processes count the GPUs that they are shown.
    shown = {"CUDA_VISIBLE_DEVICES": ",".join(map(str, arguments.gpus))} if len(arguments.gpus) > 1 else {}
    return launch(count_devices(arguments), ["-m", module, *given], shown)


def require_device(config: RunConfig) -> str:
    """Check that a configuration can run here, compiled or not.

    Returns:
        The device that it will run on.

    Raises:
        ConfigError: the device is not there, or the configuration cannot be built.
    """
    return load_engine(config).check(replace(config, runtime=replace(config.runtime, compile=False)))


def compile_if_possible(config: RunConfig) -> tuple[RunConfig, list[str]]:
    """Leave compiling away where something for it is missing: it makes steps faster, and changes nothing else.

    Args:
        config: the run; its device must be there.

    Returns:
        The configuration, and what to say of it.
    """
    if config.runtime.compile is not True:
        return config, []
    from mvd.runtime.device import compile_obstacle, resolve_device

    obstacle = compile_obstacle(resolve_device(config.runtime.device))
    if obstacle is None:
        return config, []
    note = f"--MSmode GRAPH_MODE: the network is not compiled, for that takes {obstacle}"
    return replace(config, runtime=replace(config.runtime, compile=False)), [note]
