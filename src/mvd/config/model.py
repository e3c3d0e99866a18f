"""The architecture of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from mvd.config.checks import require, require_at_most
from mvd.config.types import check_types

Descriptor: TypeAlias = Literal["observation", "representation", "both"]


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The architecture of the network.

    Attributes:
        encoder: import path of a custom encoder instead of a ResNet, as package.module:name or file.py:name: a
            function without arguments that makes a module from pictures (B, 3, H, W) to feature maps (B, C, h, w).
            The fields from arch to non_local and runtime.recompute do not apply to it.
        arch: the ResNet of each branch.
        base_width: channels of the ResNet's first stage; 64 as published.
        last_stride: stride of the ResNet's last stage; 1 gives maps of twice the height and width.
        padding: "pytorch" pads both sides alike; "same" is MindSpore's, which pads less before than after.
        third_norm: "mindspore" gives the last norm of each block the constants of MindSpore's ResNet.
        channel_attention: attention over channels before stages 2, 3 and 4, as in MVD's official PyTorch release.
        non_local: non-local attention after the last two blocks of stage 2 and the last three of stage 3, as in AGW.
        encoders: "mvd" has three encoders, visible, infrared and shared; "shared" has one for all pictures, as the
            field's baseline.
        trunk: number of first stages of the ResNet, with the stem, that the three branches of "mvd" share. 0: none, as
            published; 3: all but the last. MGN (Wang et al., ACM MM 2018) shares two and a block of the third. Each
            view of a picture, in colour and grey, passes them once instead of twice.
        stems: "specific" gives each modality a first stage of its own before the one shared encoder, as in AGW; such a
            network needs the modality of each picture, at test time, too.
        shared_first: pictures that the shared encoder of "mvd" sees first, in colour or grey; only running statistics
            depend on it.
        pooling: "average", or "gem" for the generalised mean.
        gem_p: order of the generalised mean, from 1 (the average) to 10; higher orders approach the maximum.
        strips: horizontal strips of the feature map with heads of their own beside the observation, as in HcTri (Liu et
            al., IEEE TMM 2020), which has 6; 0: none. Descriptors of observations include them.
        strip_width: width of a strip's feature; 256 in HcTri.
        neck_bias: train the bias of the BN neck.
        metric_neck: side of the BN neck on which the metric loss takes observations; "before" is the field's baseline.
        bottleneck: information bottlenecks of the branches; without them there are no representations.
        bottleneck_widths: widths of the information bottleneck's two hidden layers.
        z_dim: width of the representation z.
        classifier_width: hidden width of the representation's classifier.
        dropout: dropout probability in that classifier.
        grey_weights: weights of red, green and blue in the grey version that the infrared passes see; the MindSpore
            release has 0.1440 for blue, so they need not add up to 1.
        descriptor: features of each pass that the descriptor concatenates.
        descriptor_neck: side of the BN neck on which descriptors take observations.
        descriptor_norm: "each" divides every part of a descriptor by its L2 norm before concatenation, "whole" the
            concatenated descriptor.
        descriptor_flip: average each part of a descriptor over the picture and its mirror image, as CAJ, DEEN and
            MSCMNet do at test time; embedding takes twice as long, training does not change.
    """

    encoder: str | None = None
    arch: Literal["resnet18", "resnet34", "resnet50", "resnet101"] = "resnet50"
    base_width: int = 64
    last_stride: Literal[1, 2] = 1
    padding: Literal["pytorch", "same"] = "pytorch"
    third_norm: Literal["standard", "mindspore"] = "standard"
    channel_attention: bool = False
    non_local: bool = False
    encoders: Literal["mvd", "shared"] = "mvd"
    trunk: Literal[0, 1, 2, 3] = 0
    stems: Literal["shared", "specific"] = "shared"
    shared_first: Literal["colour", "grey"] = "colour"
    pooling: Literal["average", "gem"] = "average"
    gem_p: float = 3.0
    strips: int = 0
    strip_width: int = 256
    neck_bias: bool = False
    metric_neck: Literal["before", "after"] = "after"
    bottleneck: bool = True
    bottleneck_widths: tuple[int, int] = (1000, 500)
    z_dim: int = 512
    classifier_width: int = 256
    dropout: float = 0.5
    grey_weights: tuple[float, float, float] = (0.2989, 0.5870, 0.1140)
    descriptor: Descriptor = "observation"
    descriptor_neck: Literal["before", "after"] = "after"
    descriptor_norm: Literal["each", "whole"] = "each"
    descriptor_flip: bool = False

    def __post_init__(self) -> None:
        check_types(self, "model.")
        widths = (self.base_width, *self.bottleneck_widths, self.z_dim, self.classifier_width, self.strip_width)
        require(min(widths) >= 1, "model widths", "at least 1", widths)
        require(max(widths) <= 2**16, "model widths", f"at most {2**16}", widths)
        require_at_most(1024, model__base_width=self.base_width)
        require(self.strips >= 0, "model.strips", "0 or more", self.strips)
        require_at_most(64, model__strips=self.strips)
        require(0 <= self.dropout < 1, "model.dropout", "from 0 to below 1", self.dropout)
        # float32 overflows at higher powers.
        require(1 <= self.gem_p <= 10, "model.gem_p", "from 1 to 10", self.gem_p)
        require(
            self.stems == "shared" or self.encoders == "shared",
            "model.stems",
            '"shared", or model.encoders "shared" too: MVD has whole encoders for each modality',
            self.stems,
        )
        require(
            self.stems == "shared" or self.encoder is None,
            "model.stems",
            '"shared" with model.encoder: only a ResNet has a stem for each modality',
            self.stems,
        )
        require(
            self.trunk == 0 or (self.encoders == "mvd" and self.encoder is None),
            "model.trunk",
            '0, or a ResNet in the three branches of model.encoders "mvd"',
            self.trunk,
        )
        require(
            self.bottleneck or self.descriptor == "observation",
            "model.descriptor",
            '"observation", or model.bottleneck: without one there are no representations',
            self.descriptor,
        )
