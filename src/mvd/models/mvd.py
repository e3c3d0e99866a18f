"""The MVD network (Tian et al., "Farewell to Mutual Information", CVPR 2021): three branches, four passes.

    the picture         ─┬─▶ visible branch  ─▶ v_sp^V, z_sp^V
                         └─▶ shared branch   ─▶ v_sh^V, z_sh^V
    its grey version    ─┬─▶ shared branch   ─▶ v_sh^I, z_sh^I
                         └─▶ infrared branch ─▶ v_sp^I, z_sp^I

A branch is an encoder, pooling, a BN neck that gives the observation v, and an information bottleneck that gives the
representation z; v and z each have a classifier. Without bottlenecks, for comparison, only v is left.

Every picture, visible or infrared, goes through all four passes, in training and in test, as in both released
codes; so nothing depends on knowing the modality of a picture. The grey version is made on the device from the
normalised tensor, which is what those codes do and not the same as greying the picture before it is normalised.
The two shared passes run one after the other, each with batch statistics of its own; which comes first changes the
running statistics and nothing else, and the releases differ in it.

The releases as configurations (what is not named is alike in both, and the default):

    official PyTorch    channel_attention, shared_first="grey", descriptor_norm="whole"
    MindSpore           last_stride=2, padding="same", third_norm="mindspore", neck_bias,
                        grey_weights=(0.2989, 0.5870, 0.1440)

What the PyTorch release calls a z_dim of 256 is our `z_dim=512` and `classifier_width=256`: its bottleneck is twice as
wide as it is told. Its encoders also carry ImageNet's classifier, 2,049,000 parameters each that nothing trains.

Weights start from torch's global generator: the same `torch.manual_seed` gives the same network.

Shapes: B batch, H × W pixels, C channels of an encoder, D width of a descriptor, K classes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mvd.config import ModelConfig
from mvd.models.branch import BranchNetwork, join
from mvd.models.outputs import AnyBranch, MVDOutput, ObservedOutput


class MVD(nn.Module):
    """Visible-specific, infrared-specific and shared branches.

    Args:
        config: the shape of the network.
        classes: K, identities that are trained on.

    Raises:
        ConfigError: fewer than two classes.
    """

    grey_weights: Tensor
    parallel = False
    """In training on CUDA, run the specific branches beside the shared one, on streams of their own."""

    def __init__(self, config: ModelConfig, classes: int) -> None:
        super().__init__()
        self.config = config
        self.visible = BranchNetwork(config, classes)
        self.infrared = BranchNetwork(config, classes)
        self.shared = BranchNetwork(config, classes)
        weights = torch.tensor(config.grey_weights).reshape(1, 3, 1, 1)
        # A constant of the configuration, not of the checkpoint.
        self.register_buffer("grey_weights", weights, persistent=False)

    def forward(self, images: Tensor, modalities: Tensor | None = None) -> MVDOutput | ObservedOutput:
        """Run the four passes over normalised pictures (B, 3, H, W), of whichever modalities they are."""
        grey = self.grey(images)
        if self.parallel and self.training:
            return self._forward_on_streams(images, grey.contiguous(memory_format=torch.channels_last))
        visible, infrared = self.visible(images), self.infrared(grey)
        if self.config.shared_first == "grey":
            shared_infrared, shared_visible = self.shared(grey), self.shared(images)
        else:
            shared_visible, shared_infrared = self.shared(images), self.shared(grey)
        structure = MVDOutput if self.config.bottleneck else ObservedOutput
        return structure(visible, infrared, shared_visible, shared_infrared)

    def _forward_on_streams(self, images: Tensor, grey: Tensor) -> MVDOutput | ObservedOutput:
        """Run the passes of `forward`, no branch waiting for another: a kernel of one alone does not fill a GPU."""
        current = torch.cuda.current_stream()
        specific: list[AnyBranch] = []
        streams = []
        for branch, pictures in ((self.visible, images), (self.infrared, grey)):
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            stream.wait_stream(current)
            with torch.cuda.stream(stream):
                specific.append(branch(pictures))
            # Memory of one stream that another reads must not be used anew before that has happened.
            pictures.record_stream(stream)
            streams.append(stream)
        first, second = (grey, images) if self.config.shared_first == "grey" else (images, grey)
        shared = {id(pictures): self.shared(pictures) for pictures in (first, second)}
        for stream in streams:
            current.wait_stream(stream)
        for tensor in (tensor for branch in specific for head in branch for tensor in head):
            tensor.record_stream(current)
        structure: Any = MVDOutput if self.config.bottleneck else ObservedOutput
        output: MVDOutput | ObservedOutput = structure(*specific, shared[id(images)], shared[id(grey)])
        return output

    def descriptor(self, images: Tensor, modalities: Tensor | None = None) -> Tensor:
        """Describe pictures for ranking, of whichever modalities they are. Call it in eval mode.

        What the configuration asks for of each pass: its observation, its representation or both, side by side. With
        "each" the parts have length 1, and the inner product of two descriptors is the sum of as many cosines.

        Args:
            images: (B, 3, H, W), normalised.
            modalities: not looked at.

        Returns:
            (B, D), at least float32 whatever autocast says; D = 4·C for the observations.
        """
        grey = self.grey(images)
        parts = [
            *self.visible.describe(images),
            *self.infrared.describe(grey),
            *self.shared.describe(images),
            *self.shared.describe(grey),
        ]
        return join(parts, self.config.descriptor_norm)

    def grey(self, images: Tensor) -> Tensor:
        """Weigh red, green and blue into one channel and show it three times: (B, 3, H, W) both."""
        return (images * self.grey_weights).sum(dim=1, keepdim=True).expand_as(images)


def count_trained_parameters(module: nn.Module) -> int:
    """Count the numbers that training changes; frozen parameters and running statistics are not among them."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
