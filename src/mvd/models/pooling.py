"""Pooling: the map of an encoder to one feature.

Shapes: B batch, C channels, h × w positions.
"""

from __future__ import annotations

from torch import Tensor

from mvd.config import ModelConfig
from mvd.runtime.device import widen

# AGW's: keeps the root's gradient finite for a channel that is 0 everywhere, which becomes 1e-4 where p is 3.
_EPSILON = 1e-12


def pool(feature_map: Tensor, config: ModelConfig) -> Tensor:
    """Pool a map (B, C, h, w) to features (B, C) as the configuration says."""
    match config.pooling:
        case "average":
            return feature_map.mean(dim=(2, 3))
        case "gem":
            return generalised_mean(feature_map, config.gem_p)


def generalised_mean(feature_map: Tensor, p: float) -> Tensor:
    """Pool by the mean of order p (GeM; Radenović et al., TPAMI 2019): (mean xᵖ)^(1/p).

    p = 1 is the average, p → ∞ the maximum. AGW's code for two modalities keeps p at 3, and so it is a constant here;
    its code for one modality learns it.

    Args:
        feature_map: (B, C, h, w), 0 or more, as an encoder's last ReLU leaves it.
        p: 1 or more.

    Returns:
        (B, C), at least float32.
    """
    return (widen(feature_map).pow(p).mean(dim=(2, 3)) + _EPSILON).pow(1 / p)
