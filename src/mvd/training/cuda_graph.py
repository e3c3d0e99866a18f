"""CUDA graphs: the kernels of a step, recorded once and launched together from then on.

A step of MVD launches thousands of kernels. Launched one by one from Python they leave gaps on a fast GPU; a graph
launches them in one call. What goes in is copied to where the recorded kernels read it; what comes out is copied from
where they write it. Gradients stay in place: `Tensor.grad` of each parameter is the memory that the graph writes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

# Libraries choose and load their kernels, and the allocator settles, in these; they are steps like all others.
_EAGER_STEPS = 3


class GraphedGradients:
    """Computes gradients and scalars of a batch: eagerly for some steps, then by replaying a CUDA graph.

    Random numbers follow from PyTorch's CUDA generator as it is when a graph is replayed, so dropout is the same
    function of the seed as in eager mode.

    Args:
        network: its parameters' gradients are computed.
        compute: from inputs to detached scalars by name, leaving gradients in `Tensor.grad`; it must not wait for the
            device, seed a generator, or depend on anything but its inputs. All calls have inputs of the same shapes.
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
        # The next replay writes over it.
        return {name: value.clone() for name, value in self.result.items()}

    def _eagerly(self, *inputs: Tensor) -> dict[str, Tensor]:
        # On the stream of the recording, as PyTorch asks for.
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
        # Another thread reads ahead and may pin memory meanwhile, which a recording forbids to its own thread alone.
        with torch.cuda.graph(self.graph, stream=self.stream, capture_error_mode="thread_local"):
            self.result = self.compute(*self.inputs)
