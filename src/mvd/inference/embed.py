"""Embed pictures in batches, in one process or shared by several.

Shapes: B batch, H × W pixels, N pictures, D width of an embedding, K classes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mvd import distributed
from mvd.config import RunConfig, RuntimeConfig
from mvd.data.pictures import Batch, Pictures
from mvd.data.prefetch import prefetch
from mvd.distributed.group import gather_rows, local_runtime
from mvd.models.factory import Network
from mvd.models.state import initial_network, restore_network
from mvd.runs import load_checkpoint
from mvd.runtime.defaults import torch_defaults
from mvd.runtime.device import autocast, memory_format, resolve_device
from mvd.runtime.precision import numerics, resolve_precision
from mvd.training.device_augment import normalise

# Default batch sizes, if `runtime.embed_batch` is not set.
_CPU_BATCH, _DEVICE_BATCH = 64, 256
_AHEAD = 2  # maximum number of pending copies to the host


@torch_defaults()
def embed(
    config: RunConfig,
    classes: int,
    checkpoint: Path | None,
    pictures: Pictures,
    *,
    modalities: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.float32]:
    """Embed pictures with the weights of a run; see `mvd.commands.engine.Engine.embed`."""
    runtime = local_runtime(config.runtime)
    device = resolve_device(runtime.device)
    runtime = resolve_precision(runtime, device)
    with numerics(runtime, device):
        network = initial_network(config, classes, device)
        if checkpoint is not None:
            with distributed.agreement():
                tensors = load_checkpoint(checkpoint)[0] if distributed.is_first() else {}
            restore_network(network, distributed.broadcast(tensors), checkpoint)
        return embed_pictures(network, runtime, pictures, modalities)


@torch.inference_mode()
def embed_pictures(
    network: Network,
    runtime: RuntimeConfig,
    pictures: Pictures,
    modalities: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.float32]:
    """Embed pictures. The network is left in eval mode.

    Processes divide the pictures into the same batches as a single process would, so results do not depend on the
    number of processes.

    Args:
        network: the network, on its device.
        runtime: precision, memory format and batch size.
        pictures: N pictures.
        modalities: (N,) a `Modality` for each picture; required only by networks with modality-specific stems.

    Returns:
        (N, D) float32 embeddings of all pictures, in every process.

    Raises:
        ConfigError: the network needs modalities.
    """
    network.eval()
    device = next(network.parameters()).device
    known = None if modalities is None else torch.tensor(modalities)
    size = runtime.embed_batch or (_CPU_BATCH if device.type == "cpu" else _DEVICE_BATCH)
    batches = -(-len(pictures) // size)
    first, last = (
        number * batches // distributed.count() * size for number in (distributed.index(), distributed.index() + 1)
    )
    pin = device.type == "cuda"
    parts: list[Tensor] = []
    pending: deque[tuple[Tensor, torch.cuda.Event]] = deque()
    done = first
    for batch in prefetch(_tensors(pictures.batches(size, first, last), pin=pin)):
        images = normalise(batch, device, memory_format(runtime))
        with autocast(runtime, device):
            embeddings = network.embed(images, None if known is None else known[done : done + len(batch)]).float()
        done += len(batch)
        if not pin:
            parts.append(embeddings.cpu())
            continue
        # Overlap the copy of these embeddings with the computation of the next batch.
        pending.append(_to_host(embeddings))
        if len(pending) > _AHEAD:
            parts.append(_arrived(*pending.popleft()))
    parts.extend(_arrived(*pending.popleft()) for _ in range(len(pending)))
    return gather_rows(parts).numpy()


def _tensors(batches: Iterator[Batch], *, pin: bool) -> Iterator[Tensor]:
    """Turn batches into tensors, in page-locked memory for asynchronous copies to a CUDA device."""
    for batch in batches:
        # PyTorch warns about read-only arrays.
        tensor = torch.from_numpy(np.require(batch, requirements=("C", "W")))
        yield tensor.pin_memory() if pin else tensor


def _to_host(embeddings: Tensor) -> tuple[Tensor, torch.cuda.Event]:
    """Start an asynchronous copy of embeddings to the host; the event marks its completion."""
    there = torch.empty(embeddings.shape, dtype=embeddings.dtype, pin_memory=True)
    there.copy_(embeddings, non_blocking=True)
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record()
    return there, event


def _arrived(embeddings: Tensor, event: torch.cuda.Event) -> Tensor:
    event.synchronize()
    # Release the page-locked memory for later batches.
    return embeddings.clone()
