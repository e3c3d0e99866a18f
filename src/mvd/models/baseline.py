"""The field's baseline: one encoder for both modalities (AGW's for two modalities; Ye et al., TPAMI 2021).

    the picture ─▶ [stem of its modality ─▶] shared encoder ─▶ pooling ─▶ BN neck ─▶ classifier

Each picture goes through it once, in colour. With `stems="specific"` each modality has a first stage of its own and
the rest is shared, which is AGW's network for visible and infrared pictures, and the only one here that needs
modalities. AGW further has `last_stride=1`, `non_local`, `pooling="gem"`, `neck_bias=False`, `metric_neck="before"`, no
bottleneck, and a classifier without the bias that ours has.

Shapes: B batch, H × W pixels, D width of a descriptor, K classes.
"""

from __future__ import annotations

from torch import Tensor, nn

from mvd.config import ModelConfig
from mvd.models.branch import BranchNetwork, describe
from mvd.models.outputs import SharedOutput


class Baseline(nn.Module):
    """One branch, named as MVD's shared one, so that weights can go from one network to the other.

    Args:
        config: the architecture.
        classes: K, identities in training.
        encoder: an own encoder; without it, a ResNet.

    Raises:
        ConfigError: fewer than two classes, or the own encoder gives no feature map.
    """

    def __init__(self, config: ModelConfig, classes: int, encoder: nn.Module | None = None) -> None:
        super().__init__()
        self.config = config
        self.shared = BranchNetwork(config, classes, encoder)

    def forward(self, images: Tensor, modalities: Tensor | None = None) -> SharedOutput | Tensor:
        """Return `outputs` in training and `embed` in eval mode."""
        return self.outputs(images, modalities) if self.training else self.embed(images, modalities)

    def outputs(self, images: Tensor, modalities: Tensor | None = None) -> SharedOutput:
        """Compute the one pass over normalised pictures.

        Args:
            images: (B, 3, H, W).
            modalities: (B,) int64, a `Modality` each, on the host; needed where each has a stem of its own.

        Raises:
            ConfigError: modalities are needed and missing.
        """
        return SharedOutput(self.shared(images, modalities))

    def embed(self, images: Tensor, modalities: Tensor | None = None) -> Tensor:
        """Compute descriptors for ranking, (B, D) float32 or wider. Call it in eval mode; arguments as of `outputs`."""
        return describe(self.shared.embed, images, modalities, self.config)
