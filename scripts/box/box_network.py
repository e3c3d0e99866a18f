"""The network of the model in the box: a narrow ResNet-18, pooled whole and in strips, with two heads.

It sees each picture twice, in six channels: as it is, and with each colour brought to mean 0 and deviation 1
within the picture, so that the light and colour cast of a camera it has never seen count less. Its stem is two 3×3
convolutions. The map is pooled by the generalised mean, whole and in four strips, joined, and projected: a strip keeps
the place of things.

Colour and what every camera sees are told apart, as MVD does by branches: half of the descriptor is `shared`, the other
half `colour`, which is zero for grey pictures. Each has length 1 before they are joined. So two pictures in colour are
compared by both halves, any other pair by the shared one alone, and the shared half need not trade what infrared shows
for what only colours do.

Shapes: B batch, H × W pixels, D width of the descriptor.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvd.config import ModelConfig
from mvd.data.images import MEAN, STD
from mvd.models.pooling import generalised_mean
from mvd.models.resnet import ResNet
from mvd.training.device_augment import normalise_tensor

HEIGHT, WIDTH = 128, 64
SMALL = (96, 48)
"""Size of the pictures in most of the training, which costs half as much."""

STRIPS = 4
DESCRIPTOR = 512
"""Width of the descriptor, both halves."""

GREY = 0.004, 0.012
"""Mean difference of a pixel's largest and smallest channel, 0 to 1, up to which a picture is grey, and from which it
is in colour. Crops of a dull video have 0.014 and more, infrared pictures stored as JPEG 0."""

_MEAN, _DEVIATION = (torch.tensor(one).view(3, 1, 1) for one in (MEAN, STD))


class BoxNetwork(nn.Module):
    """Encoder, pooling, projection, BN neck and the two halves of a descriptor.

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
        """Compute descriptors (B, D) of normalised pictures (B, 3, H, W), not yet of length 1."""
        return join(*self.halves(images), colourfulness(images))

    def halves(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the halves `shared` and `colour`, each (B, D / 2) of length 1, of normalised pictures."""
        maps = self.encoder(seen_twice(images))
        strips = F.adaptive_avg_pool2d(maps.float().pow(3), (STRIPS, 1)).add(1e-12).pow(1 / 3)
        pooled = torch.cat([generalised_mean(maps, 3.0), strips.flatten(1)], dim=1)
        shared, colour = self.neck(self.project(pooled).float()).chunk(2, dim=1)
        return F.normalize(shared), F.normalize(colour)


def join(shared: Tensor, colour: Tensor, colourful: Tensor) -> Tensor:
    """Join halves (B, D / 2) of any length, the second as far as a picture is colourful (B,): (B, D)."""
    return torch.cat([F.normalize(shared), colourful[:, None] * F.normalize(colour)], dim=1)


def colourfulness(images: Tensor) -> Tensor:
    """Tell grey from coloured pictures, normalised, (B, 3, H, W): (B,), 0 to 1."""
    pixels = images.float() * _DEVIATION + _MEAN
    spread = (pixels.amax(dim=1) - pixels.amin(dim=1)).mean(dim=(1, 2))
    low, high = GREY
    return ((spread - low) / (high - low)).clamp(0, 1)


def seen_twice(images: Tensor) -> Tensor:
    """Add to pictures (B, 3, H, W) their versions of mean 0 and deviation 1 in each colour: (B, 6, H, W)."""
    deviation, mean = torch.std_mean(images, dim=(2, 3), keepdim=True, correction=0)
    return torch.cat([images, (images - mean) / (deviation + 0.05)], dim=1)


class Program(nn.Module):
    """What is exported: pictures (B, H, W, 3) uint8 to descriptors (B, D) of unit length.

    A descriptor is the mean over the picture and its mirror image, which costs twice the time and is more accurate.
    """

    def __init__(self, network: BoxNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed pictures."""
        images = normalise_tensor(pictures.float())
        both = self.network.halves(torch.cat([images, images.flip(3)]))
        shared, colour = (half.reshape(2, images.shape[0], -1).sum(dim=0) for half in both)
        return F.normalize(join(shared, colour, colourfulness(images)))
