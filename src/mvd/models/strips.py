"""Part pooling: a head for each horizontal strip of a feature map, as in PCB and in HcTri.

    strip ─▶ pooling ─▶ linear, BN, ReLU ─▶ its feature ─▶ its classifier

Strips have the heads of HcTri (Liu et al., IEEE TMM 2020), which has 6 of them with 256 channels each and pools by the
generalised mean with p = 3 on SYSU-MM01.

Shapes: B batch, C channels of the encoder, h × w positions, K classes.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from mvd.config import ModelConfig
from mvd.errors import ConfigError
from mvd.models.heads import classifier
from mvd.models.outputs import Prediction
from mvd.models.pooling import pool


class Strips(nn.ModuleList):
    """The heads of all strips, from the top."""

    def __init__(self, channels: int, classes: int, config: ModelConfig) -> None:
        super().__init__(StripHead(channels, classes, config.strip_width) for _ in range(config.strips))
        self.config = config

    def forward(self, feature_map: Tensor) -> tuple[Prediction, ...]:
        """Compute feature (B, width) and logits (B, K) of each strip of a map (B, C, h, w)."""
        return tuple(head(strip) for head, strip in zip(self, self.pooled(feature_map), strict=True))

    def features(self, feature_map: Tensor) -> list[Tensor]:
        """Compute the features (B, width) alone."""
        return [head.get_submodule("layers")(strip) for head, strip in zip(self, self.pooled(feature_map), strict=True)]

    def pooled(self, feature_map: Tensor) -> list[Tensor]:
        """Pool each strip (B, C); rows that do not divide are shared out, so that heights differ by one at most.

        Raises:
            ConfigError: the map has fewer rows than there are strips.
        """
        rows, count = feature_map.shape[2], len(self)
        if rows < count:
            raise ConfigError(
                f"model.strips: expected at most {rows}, the rows of the feature map, found {count}; take fewer, "
                f"larger pictures (--data.height), or --model.last-stride 1"
            )
        bounds = [strip * rows // count for strip in range(count + 1)]
        return [pool(feature_map[:, :, first:last], self.config) for first, last in pairwise(bounds)]


class StripHead(nn.Module):
    """The head of one strip."""

    def __init__(self, channels: int, classes: int, width: int) -> None:
        super().__init__()
        linear = nn.Linear(channels, width)
        nn.init.kaiming_normal_(linear.weight)
        nn.init.zeros_(linear.bias)
        self.layers = nn.Sequential(linear, nn.BatchNorm1d(width), nn.ReLU())
        self.classifier = classifier(width, classes)

    def forward(self, pooled: Tensor) -> Prediction:
        """Compute the prediction of a pooled strip (B, C)."""
        features = self.layers(pooled)
        return Prediction(features, self.classifier(features))
