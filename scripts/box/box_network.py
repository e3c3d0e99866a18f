"""The network of the model in the box: a narrow ResNet-18, pooled whole and in strips.

It sees each picture twice, in six channels: as it is, and with each colour brought to mean 0 and deviation 1
within the picture, so that the light and colour cast of a camera it has never seen count less. Its stem is two 3×3
convolutions. The map is pooled by the generalised mean, whole and in four strips, joined, and projected: a strip keeps
the place of things.

Shapes: B batch, H × W pixels, D width of the descriptor.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvd.config import ModelConfig
from mvd.models.pooling import generalised_mean
from mvd.models.resnet import ResNet
from mvd.training.device_augment import normalise_tensor

HEIGHT, WIDTH = 128, 64
SMALL = (96, 48)
"""Size of the pictures in most of the training, which costs half as much."""

STRIPS = 4
DESCRIPTOR = 512


class BoxNetwork(nn.Module):
    """Encoder, pooling, projection and BN neck.

    Args:
        base_width: channels of the ResNet's first stage.
    """

    def __init__(self, base_width: int = 32) -> None:
        super().__init__()
        self.encoder = ResNet(ModelConfig(arch="resnet18", base_width=base_width, last_stride=1))
        half = base_width // 2
        self.encoder.conv1 = nn.Sequential(  # type: ignore[assignment]
            nn.Conv2d(6, half, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
            nn.Conv2d(half, base_width, 3, stride=2, padding=1, bias=False),
        )
        self.encoder.maxpool = nn.Identity()  # type: ignore[assignment]
        self.project = nn.Linear((1 + STRIPS) * self.encoder.channels, DESCRIPTOR, bias=False)
        self.neck = nn.BatchNorm1d(DESCRIPTOR)
        self.neck.bias.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """Compute features (B, D) of normalised pictures (B, 3, H, W)."""
        maps = self.encoder(seen_twice(images))
        strips = F.adaptive_avg_pool2d(maps.float().pow(3), (STRIPS, 1)).add(1e-12).pow(1 / 3)
        pooled = torch.cat([generalised_mean(maps, 3.0), strips.flatten(1)], dim=1)
        features: Tensor = self.neck(self.project(pooled).float())
        return features


def seen_twice(images: Tensor) -> Tensor:
    """Add to pictures (B, 3, H, W) their versions of mean 0 and deviation 1 in each colour: (B, 6, H, W)."""
    deviation, mean = torch.std_mean(images, dim=(2, 3), keepdim=True, correction=0)
    return torch.cat([images, (images - mean) / (deviation + 0.05)], dim=1)


class Program(nn.Module):
    """What is exported: pictures (B, H, W, 3) uint8 to descriptors (B, D) of unit length."""

    def __init__(self, network: BoxNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed pictures."""
        return F.normalize(self.network(normalise_tensor(pictures.float())))
