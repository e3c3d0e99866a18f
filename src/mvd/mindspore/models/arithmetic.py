"""Arithmetic shared by networks and losses.

Shapes: B batch, D width, K classes.
"""

from __future__ import annotations

import mindspore
from mindspore import Tensor, ops

_SMALLEST_SQUARE = 1e-24


def widen(values: Tensor) -> Tensor:
    """Cast to float32, unless the values are float64."""
    return values if values.dtype == mindspore.float64 else ops.cast(values, mindspore.float32)


def unit_rows(features: Tensor) -> Tensor:
    """Divide rows (B, D) by their L2 norm, at least 1e-12, as PyTorch does."""
    squares = ops.square(features).sum(axis=1, keepdims=True)
    return features / ops.sqrt(ops.maximum(squares, ops.cast(_SMALLEST_SQUARE, features.dtype)))


def log_softmax(logits: Tensor) -> Tensor:
    """Compute log-probabilities (B, K) of logits to full precision; MindSpore's log_softmax on a CPU is off by 3e-6."""
    return logits - ops.logsumexp(logits, 1, True)
