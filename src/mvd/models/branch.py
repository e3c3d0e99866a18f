"""A branch of a network: an encoder, pooling, the BN neck of the observation v and the bottleneck of z.

Observations are taken after the BN neck by both releases of MVD, for the metric loss and for ranking. The field's
baseline gives the metric loss the pooled feature before it (Luo et al., CVPR workshops 2019). The classifier and the
bottleneck read what comes after it in any case.

Shapes: B batch, H × W pixels, C channels of the encoder, D width of a part of a descriptor, K classes.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvd.config import ModelConfig
from mvd.errors import ConfigError
from mvd.models.heads import BNNeck, InformationBottleneck
from mvd.models.outputs import AnyBranch, Branch, Observed
from mvd.models.pooling import pool
from mvd.models.resnet import ResNet
from mvd.runtime.device import widen


class BranchNetwork(nn.Module):
    """An encoder with its heads.

    Args:
        config: the shape of the network.
        classes: K, identities that are trained on.

    Raises:
        ConfigError: fewer than two classes.
    """

    def __init__(self, config: ModelConfig, classes: int) -> None:
        super().__init__()
        if classes < 2:
            raise ConfigError(f"expected at least 2 identities to tell apart, found {classes}: train on more people")
        self.config = config
        self.encoder = ResNet(config)
        channels = self.encoder.channels
        self.neck = BNNeck(channels, classes, config)
        self.bottleneck = InformationBottleneck(channels, classes, config) if config.bottleneck else None

    def forward(self, images: Tensor, modalities: Tensor | None = None) -> AnyBranch:
        """Observe pictures (B, 3, H, W) and represent what was observed.

        Args:
            images: (B, 3, H, W), normalised.
            modalities: (B,), on the host; only an encoder with two stems looks at them.
        """
        pooled = pool(self.encoder(images, modalities), self.config)
        observation = self.neck(pooled)
        seen = observation._replace(features=pooled) if self.config.metric_neck == "before" else observation
        if self.bottleneck is None:
            return Observed(seen)
        return Branch(seen, self.bottleneck(observation.features))

    def describe(self, images: Tensor, modalities: Tensor | None = None) -> list[Tensor]:
        """Compute the parts (B, D) of the descriptor, the observation first, and no more than those."""
        pooled = pool(self.encoder(images, modalities), self.config)
        observation = self.neck.norm(pooled)
        parts = []
        if self.config.descriptor != "representation":
            parts.append(pooled if self.config.descriptor_neck == "before" else observation)
        if self.bottleneck is not None and self.config.descriptor != "observation":
            parts.append(self.bottleneck.layers(observation))
        return parts


def join(parts: list[Tensor], norm: Literal["each", "whole"]) -> Tensor:
    """Join the parts (B, D) of a descriptor side by side, at least in float32.

    "each" divides each part by its L2 norm first, as the MindSpore release does, so the inner product of two
    descriptors is the sum of their parts' cosines; "whole" divides what was joined, as the PyTorch release does, so a
    part counts as much as it is long.
    """
    if norm == "each":
        return torch.cat([F.normalize(widen(part), dim=1) for part in parts], dim=1)
    return F.normalize(torch.cat([widen(part) for part in parts], dim=1), dim=1)
