"""Activation checkpointing whose second pass does not update the running statistics of batch norm.

Shapes: B batch, C channels, h × w positions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def recomputed(block: nn.Module, x: Tensor) -> Tensor:
    """Apply a block to maps (B, C, h, w), keep only its input, and recompute the block for the gradient (activation
    checkpointing; Chen et al., 2016). The block must not draw random numbers.
    """
    result: Tensor = checkpoint(
        block,
        x,
        use_reentrant=False,
        preserve_rng_state=False,
        context_fn=lambda: (nullcontext(), frozen_statistics(block)),
    )
    return result


@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Freeze the running statistics of all norms of a module within a block."""
    norms = [norm for norm in module.modules() if isinstance(norm, nn.modules.batchnorm._BatchNorm)]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        # Not track_running_stats: without statistics a norm keeps other tensors for its gradient, which checkpointing
        # would notice.
        norm.momentum = 0.0
        norm.num_batches_tracked = torch.zeros((), dtype=torch.long, device=norm.weight.device)
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count
