"""A branch of a network: an encoder, pooling, the BN neck of the observation v and the bottleneck of z.

Both releases of MVD take observations after the BN neck, for the metric loss and for ranking. The field's baseline
takes the pooled feature before it for the metric loss (Luo et al., CVPR workshops 2019). The classifier and the
bottleneck always read what comes after it.

Shapes: B batch, H × W pixels, C channels of the encoder, h × w positions, D width of a part of a descriptor, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvd.config import ModelConfig
from mvd.errors import ConfigError
from mvd.models.heads import BNNeck, InformationBottleneck
from mvd.models.outputs import Branch, StripedBranch
from mvd.models.pooling import pool
from mvd.models.resnet import ResNet
from mvd.models.strips import Strips
from mvd.runtime.device import widen

# Height and width of the picture that an encoder is tried on: the field's smallest usual size.
_PICTURE = (256, 128)


class BranchNetwork(nn.Module):
    """An encoder with its heads.

    Args:
        config: the architecture.
        classes: K, identities in training.
        encoder: a module from pictures (B, 3, H, W) to maps (B, C, h, w); without it, the ResNet of the configuration.
        whole: whether the ResNet has the stages that branches share (`config.trunk`).

    Raises:
        ConfigError: fewer than two classes, or the encoder gives no feature map.
    """

    def __init__(
        self, config: ModelConfig, classes: int, encoder: nn.Module | None = None, *, whole: bool = True
    ) -> None:
        super().__init__()
        if classes < 2:
            raise ConfigError(f"expected at least 2 identities to tell apart, found {classes}: train on more people")
        self.config = config
        self.encoder = ResNet(config, config.trunk, whole=whole) if encoder is None else encoder
        channels = self.encoder.channels if isinstance(self.encoder, ResNet) else map_channels(self.encoder)
        self.neck = BNNeck(channels, classes, config)
        self.bottleneck = InformationBottleneck(channels, classes, config) if config.bottleneck else None
        self.strips = Strips(channels, classes, config) if config.strips else None

    def forward(self, images: Tensor, modalities: Tensor | None = None) -> Branch | StripedBranch:
        """Compute observation, representation and strips of normalised pictures.

        Args:
            images: (B, 3, H, W); or, of branches that share stages, what those computed.
            modalities: (B,), on the host; used only by an encoder with two stems.
        """
        feature_map = self._feature_map(images, modalities)
        pooled = pool(feature_map, self.config)
        observation = self.neck(pooled)
        seen = observation._replace(features=pooled) if self.config.metric_neck == "before" else observation
        representation = None if self.bottleneck is None else self.bottleneck(observation.features)
        if self.strips is None:
            return Branch(seen, representation)
        return StripedBranch(seen, representation, self.strips(feature_map))

    def embed(self, images: Tensor, modalities: Tensor | None = None) -> list[Tensor]:
        """Compute the parts (B, D) of the descriptor, the observation and its strips first, and no other head."""
        feature_map = self._feature_map(images, modalities)
        pooled = pool(feature_map, self.config)
        observation = self.neck.norm(pooled)
        parts = []
        if self.config.descriptor != "representation":
            parts.append(pooled if self.config.descriptor_neck == "before" else observation)
            parts += [] if self.strips is None else self.strips.features(feature_map)
        if self.bottleneck is not None and self.config.descriptor != "observation":
            parts.append(self.bottleneck.layers(observation))
        return parts

    def _feature_map(self, images: Tensor, modalities: Tensor | None) -> Tensor:
        if isinstance(self.encoder, ResNet):
            feature_map: Tensor = self.encoder(images, modalities)
            return feature_map
        return last_map(self.encoder(images))


def describe(
    parts_of: Callable[[Tensor, Tensor | None], list[Tensor]],
    images: Tensor,
    modalities: Tensor | None,
    config: ModelConfig,
) -> Tensor:
    """Join the parts of the descriptors of pictures, each averaged over picture and mirror image if configured.

    Parts are averaged before any norm, as in CAJ's, DEEN's and MSCMNet's codes.

    Args:
        parts_of: computes parts (B, D) of pictures of modalities.
        images: (B, 3, H, W).
        modalities: (B,), or None.
        config: the architecture.
    """
    parts = parts_of(images, modalities)
    if config.descriptor_flip:
        mirrored = parts_of(images.flip(3), modalities)
        parts = [(one + other) / 2 for one, other in zip(parts, mirrored, strict=True)]
    return join(parts, config.descriptor_norm)


def join(parts: list[Tensor], norm: Literal["each", "whole"]) -> Tensor:
    """Join the parts (B, D) of a descriptor side by side, in float32 or wider.

    "each" divides each part by its L2 norm first, as the MindSpore release does, so the inner product of two
    descriptors is the sum of their parts' cosines; "whole" divides the joined descriptor, as the PyTorch release does,
    so longer parts count more.
    """
    if norm == "each":
        return torch.cat([F.normalize(widen(part), dim=1) for part in parts], dim=1)
    return F.normalize(torch.cat([widen(part) for part in parts], dim=1), dim=1)


def last_map(maps: Tensor | list[Tensor] | tuple[Tensor, ...]) -> Tensor:
    """Return the map of an encoder; the last one where it returns one for each stage, as timm's `features_only` do."""
    return maps if isinstance(maps, Tensor) else maps[-1]


@torch.no_grad()
def map_channels(encoder: nn.Module) -> int:
    """Count the channels C of an encoder's map, by a pass over one empty picture in eval mode.

    Raises:
        ConfigError: the pass fails, or gives no map (1, C, h, w).
    """
    like = next(encoder.parameters(), torch.empty(0))
    try:
        found = last_map(encoder.eval()(torch.zeros(1, 3, *_PICTURE, device=like.device, dtype=like.dtype)))
        shape = f"shape {tuple(found.shape)}"
        channels = found.shape[1] if found.ndim == 4 and len(found) == 1 else 0
    except Exception as error:
        shape, channels = f"{type(error).__name__} ({(str(error).splitlines() or ['no message'])[0]})", 0
    finally:
        encoder.train()
    if not channels:
        raise ConfigError(
            f"encoder: expected a module from pictures (B, 3, H, W) to feature maps (B, C, h, w), found {shape} for "
            f"{_PICTURE[0]} × {_PICTURE[1]}; leave pooling and classifier out (timm: num_classes=0, global_pool='')"
        )
    return channels
