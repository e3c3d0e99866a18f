"""The MVD network (Tian et al., "Farewell to Mutual Information", CVPR 2021): three branches, four passes.

    the picture         ─┬─▶ visible branch  ─▶ v_sp^V, z_sp^V
                         └─▶ shared branch   ─▶ v_sh^V, z_sh^V
    its grey version    ─┬─▶ shared branch   ─▶ v_sh^I, z_sh^I
                         └─▶ infrared branch ─▶ v_sp^I, z_sp^I

A branch is an encoder, global average pooling, a BN neck that gives the observation v, and an information bottleneck
that gives the representation z; v and z each have a classifier.

Every picture, visible or infrared, goes through all four passes, in training and in test, as in both released
codes; so nothing depends on knowing the modality of a picture. The grey version is made on the device from the
normalised tensor, which is what those codes do and not the same as greying the picture before it is normalised.
The two shared passes run one after the other, each with batch statistics of its own.

Weights start from torch's global generator: the same `torch.manual_seed` gives the same network.

Shapes: B batch, H × W pixels, C channels of an encoder, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvd.backends.pytorch.bottleneck import BNNeck, InformationBottleneck
from mvd.backends.pytorch.output import Branch, MVDOutput
from mvd.backends.pytorch.resnet import ResNet
from mvd.config import ModelConfig
from mvd.errors import ConfigError


class BranchNetwork(nn.Module):
    """An encoder with its two heads."""

    def __init__(self, config: ModelConfig, classes: int) -> None:
        super().__init__()
        self.encoder = ResNet(config)
        self.neck = BNNeck(self.encoder.channels, classes, config)
        self.bottleneck = InformationBottleneck(self.encoder.channels, classes, config)

    def forward(self, images: Tensor) -> Branch:
        """Observe pictures (B, 3, H, W) and represent what was observed."""
        observation = self.neck(self._pool(images))
        return Branch(observation, self.bottleneck(observation.features))

    def observe(self, images: Tensor) -> Tensor:
        """Compute only the observation's feature (B, C) of pictures (B, 3, H, W)."""
        features: Tensor = self.neck.norm(self._pool(images))
        return features

    def _pool(self, images: Tensor) -> Tensor:
        feature_map: Tensor = self.encoder(images)
        return feature_map.mean(dim=(2, 3))


class MVD(nn.Module):
    """Visible-specific, infrared-specific and shared branches.

    Args:
        config: the shape of the network.
        classes: K, identities that are trained on.

    Raises:
        ConfigError: fewer than two classes.
    """

    grey_weights: Tensor

    def __init__(self, config: ModelConfig, classes: int) -> None:
        super().__init__()
        if classes < 2:
            raise ConfigError(f"expected at least 2 identities to tell apart, found {classes}: train on more people")
        self.visible = BranchNetwork(config, classes)
        self.infrared = BranchNetwork(config, classes)
        self.shared = BranchNetwork(config, classes)
        weights = torch.tensor(config.grey_weights).reshape(1, 3, 1, 1)
        # A constant of the configuration, not of the checkpoint.
        self.register_buffer("grey_weights", weights, persistent=False)

    def forward(self, images: Tensor) -> MVDOutput:
        """Run the four passes over normalised pictures (B, 3, H, W)."""
        grey = self.grey(images)
        return MVDOutput(
            visible=self.visible(images),
            infrared=self.infrared(grey),
            shared_visible=self.shared(images),
            shared_infrared=self.shared(grey),
        )

    def descriptor(self, images: Tensor) -> Tensor:
        """Describe pictures for ranking.

        The four observations, each divided by its L2 norm, side by side, so the inner product of two descriptors
        is the sum of four cosines. The official PyTorch release divides once, after joining. Call it in eval mode.

        Args:
            images: (B, 3, H, W), normalised.

        Returns:
            (B, 4·C), at least float32 whatever autocast says; each row has norm 2.
        """
        grey = self.grey(images)
        observations = (
            self.visible.observe(images),
            self.infrared.observe(grey),
            self.shared.observe(images),
            self.shared.observe(grey),
        )
        dtype = torch.promote_types(observations[0].dtype, torch.float32)
        return torch.cat([F.normalize(features.to(dtype), dim=1) for features in observations], dim=1)

    def grey(self, images: Tensor) -> Tensor:
        """Weigh red, green and blue into one channel and show it three times: (B, 3, H, W) both."""
        return (images * self.grey_weights).sum(dim=1, keepdim=True).expand_as(images)


def count_trained_parameters(module: nn.Module) -> int:
    """Count the numbers that training changes; frozen parameters and running statistics are not among them."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
