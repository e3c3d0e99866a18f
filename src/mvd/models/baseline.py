"""The field's baseline: one encoder for both modalities (AGW's for two modalities; Ye et al., TPAMI 2021).

    the picture ─▶ [stem of its modality ─▶] shared encoder ─▶ pooling ─▶ BN neck ─▶ classifier

A picture goes through it once, as it is. With `stems="specific"` the first stage is one for each modality and the rest
is shared, which is AGW's network for visible and infrared pictures; it is the one network that has to be told which
picture is which. AGW has besides: `last_stride=1`, `non_local`, `pooling="gem"`, `neck_bias=False`,
`metric_neck="before"`, no bottleneck, and a classifier without the bias that ours has.

Shapes: B batch, H × W pixels, D width of a descriptor, K classes.
"""

from __future__ import annotations

from torch import Tensor, nn

from mvd.config import ModelConfig
from mvd.models.branch import BranchNetwork, join
from mvd.models.outputs import SharedOutput


class Baseline(nn.Module):
    """One branch, named as MVD's shared one, so that weights can go from one to the other.

    Args:
        config: the shape of the network.
        classes: K, identities that are trained on.

    Raises:
        ConfigError: fewer than two classes.
    """

    def __init__(self, config: ModelConfig, classes: int) -> None:
        super().__init__()
        self.config = config
        self.shared = BranchNetwork(config, classes)

    def forward(self, images: Tensor, modalities: Tensor | None = None) -> SharedOutput:
        """Run the one pass over normalised pictures.

        Args:
            images: (B, 3, H, W).
            modalities: (B,) int64, a `Modality` each, on the host; needed where each has a stem of its own.

        Raises:
            ConfigError: modalities are needed and not there.
        """
        return SharedOutput(self.shared(images, modalities))

    def descriptor(self, images: Tensor, modalities: Tensor | None = None) -> Tensor:
        """Describe pictures for ranking: (B, D); arguments and errors as of `forward`. Call it in eval mode."""
        return join(self.shared.describe(images, modalities), self.config.descriptor_norm)
