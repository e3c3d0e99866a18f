"""Numerical precision: PyTorch's global settings while a run trains or embeds, restored afterwards.

By default, PyTorch lets cuDNN compute float32 convolutions in TF32, with 10 bits of mantissa. Here "fp32" means
float32, and TF32 must be requested by name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import torch

from mvd.config import RuntimeConfig
from mvd.errors import ConfigError
from mvd.runtime.device import device_module

_AMPERE = (8, 0)  # the first compute capability with TF32
_NOT_REPEATABLE = "deterministic"  # in PyTorch's error for an operation without a deterministic algorithm


def resolve_precision(runtime: RuntimeConfig, device: torch.device) -> RuntimeConfig:
    """Replace the precision "auto" by that of the device, and check any other.

    "auto" is bfloat16 on devices with fast bfloat16 arithmetic: Ascend, and CUDA from Ampere on. It is float32
    elsewhere.

    Raises:
        ConfigError: TF32 on anything but a CUDA device from Ampere on.
    """
    check_precision(runtime, device)
    if runtime.precision != "auto":
        return runtime
    return replace(runtime, precision="bf16" if device.type == "npu" or _has_tf32(device) else "fp32")


def check_precision(runtime: RuntimeConfig, device: torch.device) -> None:
    """Refuse a precision that a device does not support.

    Raises:
        ConfigError: TF32 on anything but a CUDA device from Ampere on.
    """
    if runtime.precision == "tf32" and not _has_tf32(device):
        raise ConfigError(
            f"runtime.precision: expected fp32 or bf16 on {device}, found tf32, which CUDA devices have from Ampere on"
        )


@contextmanager
def numerics(runtime: RuntimeConfig, device: torch.device) -> Iterator[None]:
    """Apply a run's numerical settings to PyTorch; restore the settings and the random state afterwards.

    Args:
        runtime: has `precision` and `deterministic`.
        device: the device of the computation.

    Raises:
        ConfigError: `deterministic` is set, and an operation has no deterministic algorithm.
    """
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    tf32 = matmul.allow_tf32, cudnn.allow_tf32
    algorithms = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    choice = cudnn.deterministic, cudnn.benchmark
    with _random_state(device):
        try:
            matmul.allow_tf32 = cudnn.allow_tf32 = runtime.precision == "tf32"
            if runtime.deterministic:
                # cuBLAS reads the variable at its first use; PyTorch refuses matrix products without it.
                os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
                torch.use_deterministic_algorithms(True)
                cudnn.deterministic, cudnn.benchmark = True, False
            yield
        except RuntimeError as error:
            if runtime.deterministic and _NOT_REPEATABLE in str(error):
                operation = str(error).partition(", but")[0]
                raise ConfigError(
                    f"runtime.deterministic: expected algorithms that repeat for all of this run on {device}, found an "
                    f"operation that has none ({operation}); drop --runtime.deterministic, or use the CPU: "
                    "--runtime.device cpu"
                ) from error
            raise
        finally:
            matmul.allow_tf32, cudnn.allow_tf32 = tf32
            if runtime.deterministic:  # the call imports PyTorch's compiler, which takes seconds
                torch.use_deterministic_algorithms(algorithms[0], warn_only=algorithms[1])
            cudnn.deterministic, cudnn.benchmark = choice


def _random_state(device: torch.device) -> AbstractContextManager[None]:
    """Return a context that restores PyTorch's random generators of the CPU and the device."""
    if device.type not in ("cuda", "npu"):
        return torch.random.fork_rng(devices=[])
    index = device_module(device).current_device() if device.index is None else device.index
    return torch.random.fork_rng(devices=[index], device_type=device.type)


def _has_tf32(device: torch.device) -> bool:
    # bfloat16 was introduced with the same generation.
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= _AMPERE
