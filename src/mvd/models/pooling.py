"""Pooling: from the feature map of an encoder to one feature.

Shapes: B batch, C channels, h × w positions.
"""

from __future__ import annotations

from torch import Tensor

from mvd.config import ModelConfig
from mvd.runtime.device import widen

# AGW's: keeps the root's gradient finite where a channel is 0 everywhere; its value is then 1e-4 for p = 3.
_EPSILON = 1e-12


def pool(feature_map: Tensor, config: ModelConfig) -> Tensor:
    """Pool a map (B, C, h, w) to features (B, C) by the mean or the generalised mean, as configured."""
    if config.pooling == "gem":
        return generalised_mean(feature_map, config.gem_p)
    return feature_map.mean(dim=(2, 3))


def generalised_mean(feature_map: Tensor, p: float) -> Tensor:
    """Pool by the mean of order p (GeM; Radenović et al., TPAMI 2019): (mean xᵖ)^(1/p).

    p = 1 is the average, p → ∞ the maximum. A constant, as in AGW's code for two modalities, where it is 3; AGW's code
    for one modality trains it.

    Args:
        feature_map: (B, C, h, w), 0 or more, as after a ReLU.
        p: 1 or more.

    Returns:
        (B, C), at least float32.
    """
    return (widen(feature_map).pow(p).mean(dim=(2, 3)) + _EPSILON).pow(1 / p)
