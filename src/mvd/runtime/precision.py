"""How exactly PyTorch computes: its global settings while a run trains or embeds, put back afterwards.

PyTorch's own defaults let cuDNN convolve float32 with TF32's 10 bits of mantissa. Here "fp32" means float32, and TF32
is asked for by name.
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
_NOT_REPEATABLE = "deterministic"  # in what PyTorch says of an operation that has no such algorithm


def resolve_precision(runtime: RuntimeConfig, device: torch.device) -> RuntimeConfig:
    """Replace the precision "auto" by that of the device, and check any other.

    bfloat16 where the device multiplies it fast: Ascend, and CUDA from Ampere on. float32 elsewhere.

    Raises:
        ConfigError: TF32 on anything but a CUDA device from Ampere on.
    """
    check_precision(runtime, device)
    if runtime.precision != "auto":
        return runtime
    return replace(runtime, precision="bf16" if device.type == "npu" or _has_tf32(device) else "fp32")


def check_precision(runtime: RuntimeConfig, device: torch.device) -> None:
    """Refuse a precision that a device does not have.

    Raises:
        ConfigError: TF32 on anything but a CUDA device from Ampere on.
    """
    if runtime.precision == "tf32" and not _has_tf32(device):
        raise ConfigError(
            f"runtime.precision: expected fp32 or bf16 on {device}, found tf32, which CUDA devices have from Ampere on"
        )


@contextmanager
def numerics(runtime: RuntimeConfig, device: torch.device) -> Iterator[None]:
    """Set PyTorch to compute as a run asks; its settings and its random state are what they were afterwards.

    Args:
        runtime: has `precision` and `deterministic`.
        device: that is computed on.

    Raises:
        ConfigError: `deterministic` is asked for, and an operation has no algorithm that repeats.
    """
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    tf32 = matmul.allow_tf32, cudnn.allow_tf32
    algorithms = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    choice = cudnn.deterministic, cudnn.benchmark
    with _random_state(device):
        try:
            matmul.allow_tf32 = cudnn.allow_tf32 = runtime.precision == "tf32"
            if runtime.deterministic:
                # cuBLAS reads it when it is first used; PyTorch refuses to multiply without it.
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
    """Make the context after which PyTorch's generators, that of the CPU and the device's, are as they were."""
    if device.type not in ("cuda", "npu"):
        return torch.random.fork_rng(devices=[])
    index = device_module(device).current_device() if device.index is None else device.index
    return torch.random.fork_rng(devices=[index], device_type=device.type)


def _has_tf32(device: torch.device) -> bool:
    # bfloat16 came with the same generation.
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= _AMPERE
