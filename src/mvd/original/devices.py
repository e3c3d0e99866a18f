"""What to compute on: the release's device targets as devices of PyTorch, each looked for before anything is written.

Ascend processors take the package torch_npu and Huawei's CANN beside it. Both are Huawei's to install: here they are
only looked for, and a run's device is then "npu:0".
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec

from mvd.backends import load_backend
from mvd.config import RunConfig
from mvd.errors import ConfigError
from mvd.original.arguments import Arguments, Target

_NPU = "torch_npu"


def choose_device(arguments: Arguments, target: Target) -> str:
    """Name the device of a target, as `mvd.config.RuntimeConfig.device` takes it.

    Raises:
        ConfigError: several devices are asked for, or what an Ascend processor needs is not installed.
    """
    _require_one_device(arguments)
    match target:
        case "CPU":
            return "cpu"
        case "GPU":
            return f"cuda:{arguments.gpus[0]}"
        case "Ascend":
            _load_npu()
            return f"npu:{arguments.device_id}"
        case "Cloud":
            return choose_device(arguments, "Ascend") if find_spec(_NPU) else "auto"


def require_device(config: RunConfig, target: Target) -> str:
    """Check that a configuration can run here, compiled or not.

    Returns:
        The device that it will run on.

    Raises:
        ConfigError: the device is not there, or the configuration cannot be built.
    """
    backend, runtime = load_backend(config), replace(config.runtime, compile=False)
    try:
        return backend.check(replace(config, runtime=runtime))
    except ConfigError as error:
        # What is refused on the processor too has nothing to do with the device.
        backend.check(replace(config, runtime=replace(runtime, device="cpu")))
        raise ConfigError(
            f"--device_target {target}: expected {config.runtime.device}, found none that PyTorch can use here; choose "
            f"another with --gpu or --device_id, or use the processor: --device_target CPU"
        ) from error


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


def _load_npu() -> None:
    # It makes its devices known to PyTorch when it is imported, which newer versions of PyTorch do by themselves.
    try:
        importlib.import_module(_NPU)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"--device_target Ascend: expected the package {_NPU}, found none; install Huawei's CANN toolkit and "
            f"pip install torch_npu=={version('torch').partition('+')[0]}, or use the processor: --device_target CPU"
        ) from error
    except (ImportError, OSError, RuntimeError) as error:
        raise ConfigError(
            f"--device_target Ascend: expected {_NPU} to find Huawei's CANN toolkit, it did not "
            f"({str(error).splitlines()[0]}); install CANN and source its set_env.sh, or use the processor: "
            f"--device_target CPU, with TORCH_DEVICE_BACKEND_AUTOLOAD=0"
        ) from error
