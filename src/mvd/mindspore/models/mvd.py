"""The MVD network (Tian et al., CVPR 2021): three branches, four passes; see `mvd.models.mvd`.

Shapes: B batch, H × W pixels, C channels of an encoder, D width of a descriptor, K classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from mindspore import Tensor, nn, ops

from mvd.config import ModelConfig
from mvd.mindspore.models.branch import BranchNetwork, join
from mvd.mindspore.models.outputs import Plain, with_names
from mvd.models.outputs import Output


class MVD(nn.Cell):
    """Visible-specific, infrared-specific and shared branches.

    Args:
        config: the architecture.
        classes: K, the number of training identities.

    Raises:
        ConfigError: fewer than two classes.
    """

    def __init__(self, config: ModelConfig, classes: int) -> None:
        super().__init__()
        self.config = config
        self.visible, self.infrared, self.shared = (BranchNetwork(config, classes) for _ in range(3))
        self.grey_weights = Tensor(np.array(config.grey_weights, np.float32).reshape(1, 3, 1, 1))
        self.grey_first = config.shared_first == "grey"
        self.norm = config.descriptor_norm

    def __call__(self, *arguments: Any, **named: Any) -> Output | Tensor:
        """Return an `MVDOutput` in training mode, a descriptor (B, D) in eval mode; arguments as for `construct`."""
        output = super().__call__(*arguments, **named)
        return with_names(output) if self.training else output

    def construct(self, images: Tensor, modalities: Tensor | None = None, keep: Tensor | None = None) -> Plain | Tensor:
        """Compute `outputs` in training mode, `embed` in eval mode.

        Args:
            images: (B, 3, H, W), normalised, of either modality.
            modalities: ignored.
            keep: (4, B, classifier width), dropout masks of each pass (`draw_dropout`), for a reproducible step; None
                uses MindSpore's dropout.
        """
        return self.outputs(images, keep) if self.training else self.embed(images)

    def outputs(self, images: Tensor, keep: Tensor | None = None) -> Plain:
        """Compute the four passes over normalised pictures (B, 3, H, W) of either modality, as plain tuples."""
        grey = self.grey(images)
        first, second, third, fourth = (
            (None, None, None, None) if keep is None else (keep[0], keep[1], keep[2], keep[3])
        )
        visible, infrared = self.visible(images, first), self.infrared(grey, second)
        if self.grey_first:
            shared_infrared = self.shared(grey, fourth)
            shared_visible = self.shared(images, third)
        else:
            shared_visible = self.shared(images, third)
            shared_infrared = self.shared(grey, fourth)
        return visible, infrared, shared_visible, shared_infrared

    def embed(self, images: Tensor, modalities: Tensor | None = None) -> Tensor:
        """Compute descriptors (B, D) for ranking by inner product. Call it in eval mode."""
        grey = self.grey(images)
        parts = (
            self.visible.embed(images) + self.infrared.embed(grey) + self.shared.embed(images) + self.shared.embed(grey)
        )
        return join(parts, self.norm)

    def grey(self, images: Tensor) -> Tensor:
        """Convert to grey, with three equal channels: (B, 3, H, W) to (B, 3, H, W)."""
        weighed = (images * ops.cast(self.grey_weights, images.dtype)).sum(axis=1, keepdims=True)
        return ops.broadcast_to(weighed, images.shape)
