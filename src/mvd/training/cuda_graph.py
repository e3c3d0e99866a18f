"""CUDA graphs: the kernels of a step are recorded once and then launched together.

A step of MVD launches thousands of kernels. Launched one by one from Python they leave a fast GPU idle in between; a
graph launches them in one call. Inputs are copied to the memory that the recorded kernels read; outputs are copied from
the memory that they write. Gradients stay in place: the graph writes to the memory of each parameter's `Tensor.grad`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

# Ordinary steps before the recording, in which libraries choose and load kernels, and the allocator settles.
_EAGER_STEPS = 3


class GraphedGradients:
    """Computes gradients and scalars of a batch: eagerly for some steps, then by replaying a CUDA graph.

    A replay uses the state of PyTorch's CUDA generator at that time, so dropout is the same function of the seed as in
    eager mode.

    Args:
        network: the network whose gradients are computed.
        compute: function of the inputs that returns detached scalars by name, and leaves gradients in `Tensor.grad`. It
            must not synchronise with the device, seed a generator, or depend on anything but its inputs. All calls have
            inputs of the same shapes.
    """

    def __init__(self, network: nn.Module, compute: Callable[..., dict[str, Tensor]]) -> None:
        self.network = network
        self.compute = compute
        self.stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self.eager_steps = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.inputs: list[Tensor] = []
        self.result: dict[str, Tensor] = {}

    def __call__(self, *inputs: Tensor) -> dict[str, Tensor]:
        """Compute gradients, and return the scalars."""
        if self.graph is None and self.eager_steps < _EAGER_STEPS:
            self.eager_steps += 1
            return self._eagerly(*inputs)
        if self.graph is None:
            self._record(inputs)
        assert self.graph is not None
        for place, given in zip(self.inputs, inputs, strict=True):
            place.copy_(given, non_blocking=True)
        self.graph.replay()
        # Copies, since the next replay overwrites the result.
        return {name: value.clone() for name, value in self.result.items()}

    def _eagerly(self, *inputs: Tensor) -> dict[str, Tensor]:
        # On the stream of the recording, as PyTorch requires.
        self.network.zero_grad(set_to_none=True)
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            result = self.compute(*inputs)
        torch.cuda.current_stream().wait_stream(self.stream)
        return result

    def _record(self, inputs: tuple[Tensor, ...]) -> None:
        self.inputs = [tensor.clone() for tensor in inputs]
        self.network.zero_grad(set_to_none=True)
        self.graph = torch.cuda.CUDAGraph()
        # The prefetching thread may pin memory meanwhile; in this mode a recording forbids it only in its own thread.
        with torch.cuda.graph(self.graph, stream=self.stream, capture_error_mode="thread_local"):
            self.result = self.compute(*self.inputs)
