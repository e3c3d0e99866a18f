"""The network of the model in the box: a narrow ResNet-18 with instance norms, pooled whole and in strips.

Half of the channels of the first norm of each block of stages 1 to 3 are normalised in each picture (IBN-a; Pan et al.,
ECCV 2018), so that light and colour cast of a camera it has never seen count less. The map is pooled by the generalised
mean, whole and in four strips, joined, and projected: a strip keeps the place of things.

Shapes: B batch, H × W pixels, D width of the descriptor, K classes.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvd.config import ModelConfig
from mvd.models.pooling import generalised_mean
from mvd.models.resnet import ResNet
from mvd.training.device_augment import normalise_tensor

HEIGHT, WIDTH = 128, 64
STRIPS = 4
DESCRIPTOR = 512


class HalfInstanceNorm(nn.Module):
    """Instance norm for the first half of the channels, batch norm for the others."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.half = channels // 2
        self.instance = nn.InstanceNorm2d(self.half, affine=True)
        self.batch = nn.BatchNorm2d(channels - self.half)

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise maps (B, C, h, w)."""
        one, other = maps.split([self.half, maps.shape[1] - self.half], dim=1)
        return torch.cat([self.instance(one), self.batch(other)], dim=1)


class Seen(NamedTuple):
    """What a training step sees: features (B, D) after the BN neck, logits (B, K)."""

    features: Tensor
    logits: Tensor


class BoxNetwork(nn.Module):
    """Encoder, pooling, projection, BN neck and classifier.

    Args:
        classes: K, identities in training.
        base_width: channels of the ResNet's first stage.
    """

    def __init__(self, classes: int, base_width: int = 32) -> None:
        super().__init__()
        self.encoder = ResNet(ModelConfig(arch="resnet18", base_width=base_width, last_stride=1))
        for stage in (self.encoder.layer1, self.encoder.layer2, self.encoder.layer3):
            for block in stage:
                block.bn1 = HalfInstanceNorm(block.bn1.num_features)
        self.project = nn.Linear((1 + STRIPS) * self.encoder.channels, DESCRIPTOR, bias=False)
        self.neck = nn.BatchNorm1d(DESCRIPTOR)
        self.neck.bias.requires_grad_(False)
        self.classifier = nn.Linear(DESCRIPTOR, classes, bias=False)
        nn.init.normal_(self.classifier.weight, std=0.001)

    def features(self, images: Tensor) -> Tensor:
        """Compute features (B, D) of normalised pictures (B, 3, H, W)."""
        maps = self.encoder(images)
        strips = maps.float().unflatten(2, (STRIPS, -1)).pow(3).mean(dim=(3, 4)).add(1e-12).pow(1 / 3)  # (B, C, strips)
        pooled = torch.cat([generalised_mean(maps, 3.0), strips.flatten(1)], dim=1)
        features: Tensor = self.neck(self.project(pooled).float())
        return features

    def forward(self, images: Tensor) -> Seen:
        """Compute features and logits."""
        features = self.features(images)
        return Seen(features, self.classifier(features))


class Program(nn.Module):
    """What is exported: pictures (B, H, W, 3) uint8 to descriptors (B, D) of unit length."""

    def __init__(self, network: BoxNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed pictures."""
        return F.normalize(self.network.features(normalise_tensor(pictures.float())))
