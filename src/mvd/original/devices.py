"""Choose the framework of a command line, and translate the release's devices: GPU to cuda, Ascend to npu, CPU to cpu.

MindSpore is used if it is installed and supports the requested device, Ascend or the CPU. PyTorch is used otherwise,
and if several devices share a run. --framework overrides the choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from mvd.commands.engine import PACKAGES, is_installed, load_engine
from mvd.config import RunConfig
from mvd.distributed.launch import launch
from mvd.errors import ConfigError
from mvd.original.arguments import Arguments, DeviceTarget, Framework

_OF_MINDSPORE = ("Ascend", "CPU")


def choose_framework(arguments: Arguments, target: DeviceTarget) -> Framework:
    """Choose the framework for a target."""
    if arguments.framework is not None:
        return arguments.framework
    # Only PyTorch supports several devices per run.
    own = (target in _OF_MINDSPORE and arguments.devices == 1) or not is_installed("pytorch")
    return "mindspore" if own and is_installed("mindspore") else "pytorch"


def describe_framework(config: RunConfig) -> str:
    """Describe the framework, for the first line of a log.

    Args:
        config: configuration of the run, with the chosen framework.
    """
    package = PACKAGES[config.framework]
    try:
        number = version(package)
    except PackageNotFoundError:
        number = "of an unknown version"
    if config.framework != "mindspore":
        return f"Framework: PyTorch {number}"
    mode = "PYNATIVE_MODE" if config.runtime.compile is False else "GRAPH_MODE"
    return f"Framework: MindSpore {number}, {mode}"


def choose_device(arguments: Arguments, target: DeviceTarget) -> str:
    """Return the device of a target, in the form of `mvd.config.RuntimeConfig.device`.

    It has no index if several devices share the run: each process uses its own.
    """
    several = arguments.devices > 1
    match target:
        case "CPU":
            return "cpu"
        case "GPU":
            return "cuda" if several else f"cuda:{arguments.gpus[0]}"
        case "Ascend":
            return "npu" if several else f"npu:{arguments.device_id}"
        case "Cloud":
            # MindSpore finds Ascend devices itself.
            own = find_spec("torch_npu") and choose_framework(arguments, target) == "pytorch"
            return choose_device(arguments, "Ascend") if own else "auto"


def require_devices(arguments: Arguments, config: RunConfig) -> None:
    """Check, before `launch_on_devices`, that several devices can share a run, so that one process says what is wrong.

    Raises:
        ConfigError: the framework cannot, devices are missing, or a batch does not divide among them.
    """
    count = arguments.devices
    if config.framework == "mindspore":
        raise ConfigError(
            f"--framework: expected pytorch, which alone shares a run among devices, found mindspore and {count} "
            f"devices; omit --framework, or take one device"
        )
    from mvd.distributed.group import require_divisible
    from mvd.runtime.device import device_module, resolve_device

    require_divisible(config, count)
    device = resolve_device(config.runtime.device)
    found = count if device.type == "cpu" else device_module(device).device_count()
    wanted = max(count, *(index + 1 for index in arguments.gpus)) if device.type == "cuda" else count
    if found < wanted:
        raise ConfigError(
            f"--device_target: expected {wanted} devices of the kind {device.type} on this machine, found {found}; "
            f"lower --device_num, or list others with --gpu"
        )


def launch_on_devices(arguments: Arguments, module: str, given: Sequence[str]) -> int:
    """Start a program again as one process per device, and return the exit code.

    Args:
        arguments: the parsed command line.
        module: module of the program.
        given: the command line as typed.
    """
    # Processes number only the visible GPUs.
    visible = {"CUDA_VISIBLE_DEVICES": ",".join(map(str, arguments.gpus))} if len(arguments.gpus) > 1 else {}
    return launch(arguments.devices, ["-m", module, *given], visible)


def require_device(config: RunConfig) -> str:
    """Check that a configuration can run here, compiled or not, and name the device.

    Raises:
        ConfigError: the device is missing, or the network cannot be built.
    """
    if config.framework != "mindspore":
        config = replace(config, runtime=replace(config.runtime, compile=False))
    return load_engine(config).check(config)


def compile_if_possible(config: RunConfig) -> tuple[RunConfig, list[str]]:
    """Disable compilation if a requirement is missing, with a note; only the speed depends on it.

    The device of the configuration must be available.
    """
    if config.runtime.compile is not True or config.framework == "mindspore":  # MindSpore has its own compiler
        return config, []
    from mvd.runtime.device import compile_obstacle, resolve_device

    obstacle = compile_obstacle(resolve_device(config.runtime.device))
    if obstacle is None:
        return config, []
    note = f"--MSmode GRAPH_MODE: the network is not compiled, for that takes {obstacle}"
    return replace(config, runtime=replace(config.runtime, compile=False)), [note]
