"""Numerical precision: PyTorch's global settings while a run trains or embeds, restored afterwards.

By default, PyTorch lets cuDNN compute float32 convolutions in TF32, with 10 bits of mantissa. Here "fp32" means
float32, and TF32 must be requested by name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from threading import Lock
from typing import Any

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
    cudnn = torch.backends.cudnn
    algorithms = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    choice = cudnn.deterministic, cudnn.benchmark
    with _random_state(device), _tf32(allowed=runtime.precision == "tf32"):
        try:
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
            if runtime.deterministic:  # the call imports PyTorch's compiler, which takes seconds
                torch.use_deterministic_algorithms(algorithms[0], warn_only=algorithms[1])
            cudnn.deterministic, cudnn.benchmark = choice


class _TF32:
    """The settings of TF32, which all threads share: those who ask last decide, and the last one restores the caller's.

    PyTorch raises an error where a caller has used its newer interface, `fp32_precision`, and the older one is read.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._asked: list[bool] = []
        self._newer = False
        self._before: Any = None

    @contextmanager
    def __call__(self, *, allowed: bool) -> Iterator[None]:
        with self._lock:
            if not self._asked:
                self._remember()
            self._asked.append(allowed)
            self._allow(allowed)
        try:
            yield
        finally:
            with self._lock:
                self._asked.remove(allowed)
                if self._asked:
                    self._allow(self._asked[-1])
                else:
                    self._restore()

    def _remember(self) -> None:
        backends: Any = torch.backends
        try:
            # The last includes products on a CPU, which "medium" computes in bfloat16.
            older = backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
            self._newer = getattr(backends, "fp32_precision", "none") != "none"
        except RuntimeError:
            self._newer = True
        self._before = [part.fp32_precision for part in self._parts()] if self._newer else older
        # What follows when the precision of products is set.
        self._on_cpu = getattr(getattr(backends.mkldnn, "matmul", None), "fp32_precision", None)

    def _allow(self, allowed: bool) -> None:
        if self._newer:
            for part in self._parts():
                part.fp32_precision = "tf32" if allowed else "ieee"
            return
        wanted = "high" if allowed else "highest"
        if torch.get_float32_matmul_precision() != wanted:
            torch.set_float32_matmul_precision(wanted)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed

    def _restore(self) -> None:
        backends: Any = torch.backends
        if self._newer:
            for part, value in zip(self._parts(), self._before, strict=True):
                # "none" follows the general one.
                part.fp32_precision = "none" if value == backends.fp32_precision else value
            return
        matmul, cudnn, products = self._before
        if torch.get_float32_matmul_precision() != products:
            torch.set_float32_matmul_precision(products)
        backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32 = matmul, cudnn
        if products == "medium":  # not only TF32
            torch.set_float32_matmul_precision(products)
        if self._on_cpu is not None:
            backends.mkldnn.matmul.fp32_precision = self._on_cpu

    @staticmethod
    def _parts() -> list[Any]:
        backends: Any = torch.backends  # its stubs lack most of these names
        cudnn, mkldnn = backends.cudnn, backends.mkldnn
        return [backends.cuda.matmul, cudnn.conv, cudnn.rnn, mkldnn.matmul, mkldnn.conv]


_tf32 = _TF32()


def _random_state(device: torch.device) -> AbstractContextManager[None]:
    """Return a context that restores PyTorch's random generators of the CPU and the device."""
    if device.type not in ("cuda", "npu"):
        return torch.random.fork_rng(devices=[])
    index = device_module(device).current_device() if device.index is None else device.index
    return torch.random.fork_rng(devices=[index], device_type=device.type)


def _has_tf32(device: torch.device) -> bool:
    # bfloat16 was introduced with the same generation.
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= _AMPERE
