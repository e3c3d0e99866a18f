"""The baseline: one encoder for both modalities; see `mvd.models.baseline`.

Shapes: B batch, H × W pixels, D width of a descriptor, K classes.
"""

from __future__ import annotations

from typing import Any

from mindspore import Tensor, nn

from mvd.config import ModelConfig
from mvd.mindspore.models.branch import BranchNetwork, join
from mvd.mindspore.models.outputs import Plain, with_names
from mvd.models.outputs import Output


class Baseline(nn.Cell):
    """One branch, named like MVD's shared branch, so that weights can be exchanged between the networks.

    Args:
        config: the architecture.
        classes: K, the number of training identities.

    Raises:
        ConfigError: fewer than two classes.
    """

    def __init__(self, config: ModelConfig, classes: int) -> None:
        super().__init__()
        self.config = config
        self.shared = BranchNetwork(config, classes)
        self.norm = config.descriptor_norm

    def __call__(self, *arguments: Any, **named: Any) -> Output | Tensor:
        """Return a `SharedOutput` in training mode, a descriptor (B, D) in eval mode; arguments as for `construct`."""
        output = super().__call__(*arguments, **named)
        return with_names(output) if self.training else output

    def construct(self, images: Tensor, modalities: Tensor | None = None, keep: Tensor | None = None) -> Plain | Tensor:
        """Compute `outputs` in training mode, `embed` in eval mode; arguments as for `MVD`, with one pass in `keep`."""
        return self.outputs(images, keep) if self.training else self.embed(images)

    def outputs(self, images: Tensor, keep: Tensor | None = None) -> Plain:
        """Compute the single pass over normalised pictures (B, 3, H, W), as plain tuples."""
        return (self.shared(images, None if keep is None else keep[0]),)

    def embed(self, images: Tensor, modalities: Tensor | None = None) -> Tensor:
        """Compute descriptors (B, D) for ranking by inner product. Call it in eval mode."""
        return join(self.shared.embed(images), self.norm)
