"""The MVD network (Tian et al., "Farewell to Mutual Information", CVPR 2021): three branches, four passes.

    the picture         ─┬─▶ visible branch  ─▶ v_sp^V, z_sp^V
                         └─▶ shared branch   ─▶ v_sh^V, z_sh^V
    its grey version    ─┬─▶ shared branch   ─▶ v_sh^I, z_sh^I
                         └─▶ infrared branch ─▶ v_sp^I, z_sp^I

A branch is an encoder, pooling, a BN neck that gives the observation v, and an information bottleneck that gives the
representation z; v and z each have a classifier. Without bottlenecks, as an ablation, there is only v.

Every picture, visible or infrared, goes through all four passes, in training and in test, as in both released
codes; so the network needs no modalities. The grey version is made on the device from the normalised tensor, as in
those codes, which differs from making it before normalisation. The two shared passes run one after the other, each
with batch statistics of its own; their order changes running statistics only, and the releases differ in it.

The releases as configurations (fields not named here are the default in both):

    official PyTorch    channel_attention, shared_first="grey", descriptor_norm="whole"
    MindSpore           last_stride=2, padding="same", third_norm="mindspore", neck_bias,
                        grey_weights=(0.2989, 0.5870, 0.1440)

What the PyTorch release calls a z_dim of 256 is our `z_dim=512` and `classifier_width=256`: it doubles the width inside
its bottleneck. Its encoders also carry ImageNet's classifier, 2,049,000 parameters each that are never trained.

Weights are drawn from torch's global generator: the same `torch.manual_seed` gives the same network.

Shapes: B batch, H × W pixels, C channels of an encoder, D width of a descriptor, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from mvd.config import ModelConfig
from mvd.models.branch import BranchNetwork, describe
from mvd.models.outputs import MVDOutput, tensors_of
from mvd.models.resnet import ResNet

T = TypeVar("T")


class MVD(nn.Module):
    """Visible-specific, infrared-specific and shared branches.

    Args:
        config: the architecture.
        classes: K, identities in training.
        encoders: own encoders of the visible, the infrared and the shared branch; without them, ResNets.

    Raises:
        ConfigError: fewer than two classes, or an own encoder gives no feature map.
    """

    grey_weights: Tensor
    parallel = False
    """In training on CUDA, run the specific branches beside the shared one, on streams of their own."""

    def __init__(
        self, config: ModelConfig, classes: int, encoders: Sequence[nn.Module | None] = (None, None, None)
    ) -> None:
        super().__init__()
        self.config = config
        self.visible, self.infrared, self.shared = (
            BranchNetwork(config, classes, encoder, whole=branch == "shared" or config.trunk == 0)
            for branch, encoder in zip(("visible", "infrared", "shared"), encoders, strict=True)
        )
        weights = torch.tensor(config.grey_weights).reshape(1, 3, 1, 1)
        # A constant of the configuration, not of the checkpoint.
        self.register_buffer("grey_weights", weights, persistent=False)

    def forward(self, images: Tensor, modalities: Tensor | None = None) -> MVDOutput | Tensor:
        """Return `outputs` in training and `embed` in eval mode."""
        return self.outputs(images, modalities) if self.training else self.embed(images, modalities)

    def outputs(self, images: Tensor, modalities: Tensor | None = None) -> MVDOutput:
        """Compute the four passes over normalised pictures (B, 3, H, W) of either modality; modalities are ignored."""
        colour, grey = self._views(images)
        if self.parallel and self.training:
            return self._outputs_on_streams(colour, grey.contiguous(memory_format=torch.channels_last))
        visible, infrared = self.visible(colour), self.infrared(grey)
        shared_visible, shared_infrared = self._in_order(self.shared, colour, grey)
        return MVDOutput(visible, infrared, shared_visible, shared_infrared)

    def _outputs_on_streams(self, colour: Tensor, grey: Tensor) -> MVDOutput:
        """Compute `outputs` with no branch waiting for another: a kernel of one alone does not fill a GPU."""
        current = torch.cuda.current_stream()
        specific, streams = [], []
        for branch, view in ((self.visible, colour), (self.infrared, grey)):
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            stream.wait_stream(current)
            with torch.cuda.stream(stream):
                specific.append(branch(view))
            # Memory of one stream that another reads must not be reused before that has happened.
            view.record_stream(stream)
            streams.append(stream)
        shared_visible, shared_infrared = self._in_order(self.shared, colour, grey)
        for stream in streams:
            current.wait_stream(stream)
        output = MVDOutput(specific[0], specific[1], shared_visible, shared_infrared)
        for tensor in tensors_of(output):
            tensor.record_stream(current)
        return output

    def embed(self, images: Tensor, modalities: Tensor | None = None) -> Tensor:
        """Compute descriptors for ranking by inner product. Call it in eval mode.

        The configuration chooses the observation, the representation or both of each pass; they are joined side by
        side. With `descriptor_norm="each"` the parts have length 1, and an inner product is the sum of their cosines.

        Args:
            images: (B, 3, H, W), normalised, of either modality.
            modalities: ignored.

        Returns:
            (B, D), float32 or wider, also under autocast; D = 4·C for the observations.
        """
        return describe(self._parts, images, modalities, self.config)

    def _parts(self, images: Tensor, _: Tensor | None) -> list[Tensor]:
        colour, grey = self._views(images)
        return [
            *self.visible.embed(colour),
            *self.infrared.embed(grey),
            *self.shared.embed(colour),
            *self.shared.embed(grey),
        ]

    def _views(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pictures and their grey versions, or what the stages that all branches share make of them."""
        views = images, self.grey(images)
        if not self.config.trunk:
            return views
        return self._in_order(self._first_stages, *views)

    def _in_order(self, shared: Callable[[Tensor], T], colour: Tensor, grey: Tensor) -> tuple[T, T]:
        """Pass both views through what is shared, in the configured order; the result of the colours comes first."""
        if self.config.shared_first == "grey":
            of_grey = shared(grey)
            return shared(colour), of_grey
        return shared(colour), shared(grey)

    def _first_stages(self, images: Tensor) -> Tensor:
        assert isinstance(self.shared.encoder, ResNet)  # an own encoder has no trunk
        return self.shared.encoder.first_stages(images)

    def grey(self, images: Tensor) -> Tensor:
        """Weigh red, green and blue into one channel and repeat it three times: (B, 3, H, W) both."""
        return (images * self.grey_weights).sum(dim=1, keepdim=True).expand_as(images)
