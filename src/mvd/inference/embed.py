"""Embeddings of pictures, computed in batches by one process or shared by several.

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
from mvd.runtime.device import autocast, memory_format, resolve_device
from mvd.runtime.precision import numerics, resolve_precision
from mvd.training.device_augment import normalise

# Pictures in a batch where `runtime.embed_batch` leaves it open.
_CPU_BATCH, _DEVICE_BATCH = 64, 256
_AHEAD = 2  # batches whose embeddings may be on their way to the host


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

    Processes share the pictures by whole batches, the same ones that a single process would make, so that their number
    changes no figure.

    Args:
        network: on its device.
        runtime: precision, memory format and batch size.
        pictures: N of them.
        modalities: (N,), a `Modality` for each picture in order; only a network with a stem for each needs them.

    Returns:
        (N, D) float32, of all pictures in every process.

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
        # The device computes the next batch while this one's embeddings travel.
        pending.append(_to_host(embeddings))
        if len(pending) > _AHEAD:
            parts.append(_arrived(*pending.popleft()))
    parts.extend(_arrived(*pending.popleft()) for _ in range(len(pending)))
    return gather_rows(parts).numpy()


def _tensors(batches: Iterator[Batch], *, pin: bool) -> Iterator[Tensor]:
    """Turn batches into tensors, in page-locked memory for a CUDA device, which copies from there by itself."""
    for batch in batches:
        tensor = torch.from_numpy(np.ascontiguousarray(batch))
        yield tensor.pin_memory() if pin else tensor


def _to_host(embeddings: Tensor) -> tuple[Tensor, torch.cuda.Event]:
    """Start to copy embeddings to the host; the event is recorded when they are there."""
    there = torch.empty(embeddings.shape, dtype=embeddings.dtype, pin_memory=True)
    there.copy_(embeddings, non_blocking=True)
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record()
    return there, event


def _arrived(embeddings: Tensor, event: torch.cuda.Event) -> Tensor:
    event.synchronize()
    # Page-locked memory is for the batches to come.
    return embeddings.clone()
