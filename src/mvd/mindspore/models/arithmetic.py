"""Arithmetic that networks and losses share.

Shapes: B batch, D width, K classes.
"""

from __future__ import annotations

import mindspore
from mindspore import Tensor, ops

_SMALLEST_SQUARE = 1e-24


def widen(values: Tensor) -> Tensor:
    """Turn values into float32, unless they are wider."""
    return values if values.dtype == mindspore.float64 else ops.cast(values, mindspore.float32)


def unit_rows(features: Tensor) -> Tensor:
    """Divide rows (B, D) by their L2 norm, or by 1e-12 where that is less, as PyTorch does."""
    squares = ops.square(features).sum(axis=1, keepdims=True)
    return features / ops.sqrt(ops.maximum(squares, ops.cast(_SMALLEST_SQUARE, features.dtype)))


def log_softmax(logits: Tensor) -> Tensor:
    """Compute log-probabilities (B, K) of logits, to the last digit; MindSpore's own on a CPU is off by 3e-6."""
    return logits - ops.logsumexp(logits, 1, True)
