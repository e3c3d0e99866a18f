"""A branch of a network: an encoder, pooling, the BN neck of the observation v and the bottleneck of z.

Shapes: B batch, H × W pixels, C channels of the encoder, D width of a part of a descriptor, K classes.
"""

from __future__ import annotations

from mindspore import Tensor, nn, ops

from mvd.config import ModelConfig
from mvd.errors import ConfigError
from mvd.mindspore.models.arithmetic import unit_rows, widen
from mvd.mindspore.models.heads import BNNeck, InformationBottleneck
from mvd.mindspore.models.pooling import Pooling
from mvd.mindspore.models.resnet import ResNet


class BranchNetwork(nn.Cell):
    """A ResNet with its heads.

    Args:
        config: the architecture.
        classes: K, the number of training identities.

    Raises:
        ConfigError: fewer than two classes.
    """

    def __init__(self, config: ModelConfig, classes: int) -> None:
        super().__init__()
        if classes < 2:
            raise ConfigError(f"expected at least 2 identities to tell apart, found {classes}: train on more people")
        self.encoder = ResNet(config)
        self.pool = Pooling(config)
        self.neck = BNNeck(self.encoder.channels, classes, config)
        self.bottleneck = InformationBottleneck(self.encoder.channels, classes, config) if config.bottleneck else None
        self.metric_before = config.metric_neck == "before"
        self.descriptor_before = config.descriptor_neck == "before"
        self.descriptor = config.descriptor

    def construct(self, images: Tensor, keep: Tensor | None = None) -> tuple[tuple[Tensor, Tensor], ...]:
        """Compute observation and representation of normalised pictures (B, 3, H, W).

        Args:
            images: the pictures.
            keep: as for `InformationBottleneck.construct`.
        """
        pooled = self.pool(self.encoder(images))
        features, logits = self.neck(pooled)
        observation = (pooled if self.metric_before else features, logits)
        if self.bottleneck is None:
            return (observation,)
        return observation, self.bottleneck(features, keep)

    def embed(self, images: Tensor) -> list[Tensor]:
        """Compute only the parts (B, D) of the descriptor, observation first."""
        pooled = self.pool(self.encoder(images))
        observation = self.neck.norm(pooled)
        parts = []
        if self.descriptor != "representation":
            parts.append(pooled if self.descriptor_before else observation)
        if self.bottleneck is not None and self.descriptor != "observation":
            parts.append(self.bottleneck.layers(observation))
        return parts


def join(parts: list[Tensor], norm: str) -> Tensor:
    """Concatenate the parts (B, D) of a descriptor, in float32 or wider.

    With "each", each part is L2-normalised first; with "whole", the concatenated descriptor is.
    """
    if norm == "each":
        return ops.cat([unit_rows(widen(part)) for part in parts], 1)
    return unit_rows(ops.cat([widen(part) for part in parts], 1))
