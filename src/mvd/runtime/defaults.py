"""PyTorch's defaults in the place of the caller's, who may have changed what every tensor and operation follows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch.amp import is_autocast_available

_AUTOCAST = ("cpu", "cuda", "mps", torch._C._get_privateuse1_backend_name())  # the last is "npu" with Ascend's package


@contextmanager
def torch_defaults() -> Iterator[None]:
    """Compute as in a process that has just imported PyTorch, and restore the caller's settings; also a decorator.

    Floats are float32, devices are the CPU unless named, gradients are recorded, and nothing is cast automatically. The
    default type is that of all threads of the process; the others are those of this thread.
    """
    kind = torch.get_default_dtype()
    with ExitStack() as stack:
        if kind != torch.float32:
            torch.set_default_dtype(torch.float32)
            stack.callback(torch.set_default_dtype, kind)
        if torch.empty(0).device.type != "cpu":
            stack.enter_context(torch.device("cpu"))
        for name in _AUTOCAST:
            if is_autocast_available(name) and torch.is_autocast_enabled(name):
                stack.enter_context(torch.autocast(name, enabled=False))
        stack.enter_context(torch.inference_mode(mode=False))
        stack.enter_context(torch.enable_grad())
        yield
