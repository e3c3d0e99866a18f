"""Pool the feature map of an encoder to a feature vector.

Shapes: B batch, C channels, h × w positions.
"""

from __future__ import annotations

from mindspore import Tensor, nn, ops

from mvd.config import ModelConfig
from mvd.mindspore.models.arithmetic import widen

# From AGW: keeps the gradient of the root finite for a channel that is 0 everywhere.
_EPSILON = 1e-12


class Pooling(nn.Cell):
    """Average pooling, or generalised-mean pooling (mean xᵖ)^(1/p) with `pooling="gem"`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.p = config.gem_p if config.pooling == "gem" else 0.0

    def construct(self, feature_map: Tensor) -> Tensor:
        """Pool a feature map (B, C, h, w) to features (B, C)."""
        if self.p == 0.0:
            return feature_map.mean(axis=(2, 3))
        return ops.pow(ops.pow(widen(feature_map), self.p).mean(axis=(2, 3)) + _EPSILON, 1.0 / self.p)
