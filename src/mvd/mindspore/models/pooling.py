"""Pooling: from the feature map of an encoder to one feature.

Shapes: B batch, C channels, h × w positions.
"""

from __future__ import annotations

from mindspore import Tensor, nn, ops

from mvd.config import ModelConfig
from mvd.mindspore.models.arithmetic import widen

# AGW's: keeps the root's gradient finite where a channel is 0 everywhere.
_EPSILON = 1e-12


class Pooling(nn.Cell):
    """The mean, or the generalised mean (mean xᵖ)^(1/p) of `pooling="gem"`, as configured."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.p = config.gem_p if config.pooling == "gem" else 0.0

    def construct(self, feature_map: Tensor) -> Tensor:
        """Pool a map (B, C, h, w) to features (B, C)."""
        if self.p == 0.0:
            return feature_map.mean(axis=(2, 3))
        return ops.pow(ops.pow(widen(feature_map), self.p).mean(axis=(2, 3)) + _EPSILON, 1.0 / self.p)
