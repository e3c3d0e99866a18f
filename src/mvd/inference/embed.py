"""Descriptors of pictures, by one process or shared by several.

Shapes: B batch, H × W pixels, N pictures, D width of a descriptor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from mvd.config import RuntimeConfig
from mvd.data.sources import Batch, Pictures
from mvd.distributed.process_group import gather_rows
from mvd.engine import ALONE, Descriptors, Modalities, Share
from mvd.models.factory import Network
from mvd.runtime.device import autocast, memory_format
from mvd.training.batches import prefetch
from mvd.training.device_augment import normalise

_AHEAD = 2  # batches whose descriptors may be on their way to the host


@torch.inference_mode()
def describe(
    network: Network,
    runtime: RuntimeConfig,
    pictures: Pictures,
    modalities: Modalities | None = None,
    *,
    share: Share = ALONE,
) -> Descriptors:
    """Compute the descriptors of pictures. The network ends in eval mode.

    Args:
        network: on its device.
        runtime: the precision, the layout in memory, and how many pictures at once.
        pictures: N of them.
        modalities: (N,), a `Modality` for each picture in order; None where they are not known, which only a network
            with a stem for each refuses.
        share: the processes that share the pictures; each takes whole batches, the same ones that a single process
            would make, so that their number changes no figure.

    Returns:
        (N, D) float32, of all pictures in every process.

    Raises:
        ConfigError: the network needs modalities.
    """
    network.eval()
    device = next(network.parameters()).device
    known = None if modalities is None else torch.tensor(modalities)
    batches = -(-len(pictures) // runtime.embed_batch)
    first, last = (number * batches // share.count * runtime.embed_batch for number in (share.index, share.index + 1))
    parts: list[Tensor] = []
    pending: deque[tuple[Tensor, torch.cuda.Event]] = deque()
    pin = device.type == "cuda"
    done = first
    for batch in prefetch(_tensors(pictures.batches(runtime.embed_batch, first, last), pin=pin)):
        images = normalise(batch, device, memory_format(runtime))
        with autocast(runtime, device):
            descriptors = network.descriptor(images, None if known is None else known[done : done + len(batch)]).float()
        done += len(batch)
        if not pin:
            parts.append(descriptors.cpu())
            continue
        # The device goes on with the next batch while this one's descriptors travel.
        pending.append(_to_host(descriptors))
        if len(pending) > _AHEAD:
            parts.append(_arrived(*pending.popleft()))
    parts.extend(_arrived(*pending.popleft()) for _ in range(len(pending)))
    return gather_rows(parts, device, share).numpy()


def _tensors(batches: Iterator[Batch], *, pin: bool) -> Iterator[Tensor]:
    """Turn batches into tensors, page-locked for a GPU, which then copies by itself."""
    for batch in batches:
        tensor = torch.from_numpy(np.ascontiguousarray(batch))
        yield tensor.pin_memory() if pin else tensor


def _to_host(descriptors: Tensor) -> tuple[Tensor, torch.cuda.Event]:
    """Start copying descriptors to the host; the event says when they are there."""
    there = torch.empty(descriptors.shape, dtype=descriptors.dtype, pin_memory=True)
    there.copy_(descriptors, non_blocking=True)
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record()
    return there, event


def _arrived(descriptors: Tensor, event: torch.cuda.Event) -> Tensor:
    event.synchronize()
    # Page-locked memory is for what comes next.
    return descriptors.clone()
