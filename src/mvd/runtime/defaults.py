"""PyTorch's defaults in the place of the caller's, who may have changed what every tensor and operation follows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

import torch
from torch.amp import is_autocast_available

_lock = Lock()
_users: list[torch.dtype] = []  # the default type that each has found, the caller's first

_AUTOCAST = ("cpu", "cuda", "mps", torch._C._get_privateuse1_backend_name())  # the last is "npu" with Ascend's package


@contextmanager
def torch_defaults() -> Iterator[None]:
    """Compute as in a process that has just imported PyTorch, and restore the caller's settings; also a decorator.

    Floats are float32, devices are the CPU unless named, gradients are recorded, and nothing is cast automatically. The
    default type is that of all threads of the process; the others are those of this thread.
    """
    with ExitStack() as stack:
        stack.enter_context(_float32())
        if torch.empty(0).device.type != "cpu":
            stack.enter_context(torch.device("cpu"))
        for name in _AUTOCAST:
            if is_autocast_available(name) and torch.is_autocast_enabled(name):
                stack.enter_context(torch.autocast(name, enabled=False))
        stack.enter_context(torch.inference_mode(mode=False))
        stack.enter_context(torch.enable_grad())
        yield


@contextmanager
def _float32() -> Iterator[None]:
    """Make float32 the default type, which all threads share; the last one restores the caller's."""
    with _lock:
        _users.append(torch.get_default_dtype())
        if _users[-1] != torch.float32:
            torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        with _lock:
            callers = _users[0]
            _users.pop()
            if not _users and callers != torch.get_default_dtype():
                torch.set_default_dtype(callers)
