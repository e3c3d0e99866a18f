"""The shape of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from mvd.config.checks import require

Descriptor: TypeAlias = Literal["observation", "representation", "both"]


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The shape of the network.

    Attributes:
        arch: the encoder of each branch.
        base_width: channels of the encoder's first stage; 64 is the published ResNet.
        last_stride: stride of the encoder's last stage; 1 keeps a map twice as fine.
        padding: "pytorch" pads both sides alike; "same" is MindSpore's, which pads less before than after.
        third_norm: "mindspore" gives the last norm of each block that framework's ResNet constants.
        channel_attention: whether channels attend to each other before stages 2, 3 and 4, as in MVD's official PyTorch
            release.
        non_local: whether positions attend to each other after the last two blocks of stage 2 and the last three of
            stage 3, as in AGW.
        encoders: "mvd" is three: visible, infrared and shared; "shared" is the field's baseline: one, which every
            picture goes through once.
        stems: "specific" gives each modality a first stage of its own where there is one shared encoder, as in AGW;
            such a network needs to know the modality of each picture, also in test.
        shared_first: which the shared encoder of "mvd" sees first, the pictures as they are or the grey ones. Only
            running statistics depend on it.
        pooling: "average", or "gem" for the generalised mean.
        gem_p: order of the generalised mean, from 1, the average, to 10; the larger, the nearer to the maximum.
        neck_bias: whether the bias of the BN neck is trained.
        metric_neck: the side of the BN neck from which the metric loss takes observations; "before" is the field's
            baseline.
        bottleneck: whether branches have information bottlenecks, and so representations.
        bottleneck_widths: widths of the information bottleneck's two hidden layers.
        z_dim: width of the representation z.
        classifier_width: hidden width of the representation's classifier.
        dropout: probability of dropping a hidden unit of that classifier.
        grey_weights: weights of red, green and blue in the picture that the infrared passes see. They need not
            add up to 1: MindSpore's release has 0.1440 for blue.
        descriptor: what describes a picture in test, of each pass.
        descriptor_neck: the side of the BN neck from which descriptors take observations.
        descriptor_norm: whether each part of a descriptor is divided by its L2 norm before they are joined, or the
            whole after.
    """

    arch: Literal["resnet18", "resnet34", "resnet50", "resnet101"] = "resnet50"
    base_width: int = 64
    last_stride: Literal[1, 2] = 1
    padding: Literal["pytorch", "same"] = "pytorch"
    third_norm: Literal["standard", "mindspore"] = "standard"
    channel_attention: bool = False
    non_local: bool = False
    encoders: Literal["mvd", "shared"] = "mvd"
    stems: Literal["shared", "specific"] = "shared"
    shared_first: Literal["colour", "grey"] = "colour"
    pooling: Literal["average", "gem"] = "average"
    gem_p: float = 3.0
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

    def __post_init__(self) -> None:
        widths = (self.base_width, *self.bottleneck_widths, self.z_dim, self.classifier_width)
        require(min(widths) >= 1, "model widths", "at least 1", widths)
        require(0 <= self.dropout < 1, "model.dropout", "from 0 to below 1", self.dropout)
        # Of higher powers float32 does not hold the large ones.
        require(1 <= self.gem_p <= 10, "model.gem_p", "from 1 to 10", self.gem_p)
        require(
            self.stems == "shared" or self.encoders == "shared",
            "model.stems",
            '"shared", or model.encoders "shared" too: MVD has whole encoders for each modality',
            self.stems,
        )
        require(
            self.bottleneck or self.descriptor == "observation",
            "model.descriptor",
            '"observation", or model.bottleneck: without one there are no representations',
            self.descriptor,
        )
