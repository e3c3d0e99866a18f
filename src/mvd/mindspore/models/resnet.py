"""ResNet encoders: map pictures to feature maps.

Cells have the names and settings of `mvd.models.resnet`. Padding "same" is MindSpore's own. In MindSpore the momentum
of a batch norm is the weight of the old value, in PyTorch of the new one: 0.9 here is 0.1 there.

Shapes: B batch, C channels out, H × W pixels in, h × w positions out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from mindspore import Tensor, nn, ops
from mindspore.common.initializer import HeNormal

from mvd.config import ModelConfig
from mvd.mindspore.models.attention import NonLocal, channel_attention

# From AGW: number of last blocks of stages 2 and 3 that are followed by non-local attention.
_NON_LOCAL = (2, 3)


class BasicBlock(nn.Cell):
    """Two 3×3 convolutions and a shortcut: the block of ResNet-18 and -34."""

    expansion = 1

    def __init__(self, channels: int, width: int, stride: int, config: ModelConfig) -> None:
        super().__init__()
        self.conv1 = _convolution(channels, width, kernel=3, stride=stride, config=config)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _convolution(width, width, kernel=3, stride=1, config=config)
        self.bn2 = _last_norm(width, config)
        self.downsample = _shortcut(channels, width, stride, config)
        self.non_local = nn.Identity()

    def construct(self, x: Tensor) -> Tensor:
        out = ops.relu(self.bn1(self.conv1(x)))
        out = ops.relu(self.bn2(self.conv2(out)) + self.downsample(x))
        return self.non_local(out)


class BottleneckBlock(nn.Cell):
    """1×1, 3×3 and 1×1 convolutions and a shortcut: the block of ResNet-50 and -101."""

    expansion = 4

    def __init__(self, channels: int, width: int, stride: int, config: ModelConfig) -> None:
        super().__init__()
        self.conv1 = _convolution(channels, width, kernel=1, stride=1, config=config)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _convolution(width, width, kernel=3, stride=stride, config=config)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = _convolution(width, width * self.expansion, kernel=1, stride=1, config=config)
        self.bn3 = _last_norm(width * self.expansion, config)
        self.downsample = _shortcut(channels, width * self.expansion, stride, config)
        self.non_local = nn.Identity()

    def construct(self, x: Tensor) -> Tensor:
        out = ops.relu(self.bn1(self.conv1(x)))
        out = ops.relu(self.bn2(self.conv2(out)))
        out = ops.relu(self.bn3(self.conv3(out)) + self.downsample(x))
        return self.non_local(out)


_Block: TypeAlias = type[BasicBlock] | type[BottleneckBlock]

_ARCHITECTURES: Mapping[str, tuple[_Block, tuple[int, int, int, int]]] = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (BottleneckBlock, (3, 4, 6, 3)),
    "resnet101": (BottleneckBlock, (3, 4, 23, 3)),
}
"""The block of each architecture, and the number of blocks in each stage."""


class ResNet(nn.Cell):
    """A residual encoder (He et al., CVPR 2016) without pooling or classifier: a stem and four stages.

    Attributes:
        channels: C, channels of the feature map.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        block, depths = _ARCHITECTURES[config.arch]
        stem = config.base_width
        self.conv1 = _convolution(3, stem, kernel=7, stride=2, config=config)
        self.bn1 = nn.BatchNorm2d(stem)
        self.maxpool = (
            nn.MaxPool2d(3, 2, pad_mode="same")
            if config.padding == "same"
            else nn.MaxPool2d(3, 2, pad_mode="pad", padding=1)
        )
        widths = [stem, 2 * stem, 4 * stem, 8 * stem]
        strides = [1, 2, 2, config.last_stride]
        inputs = [stem, *(width * block.expansion for width in widths)]
        attended = (0, *_NON_LOCAL, 0) if config.non_local else (0, 0, 0, 0)
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            _stage(block, inputs[k], widths[k], depths[k], strides[k], attended[k], config) for k in range(4)
        )
        self.attention2, self.attention3, self.attention4 = (channel_attention(config) for _ in range(3))
        self.channels = inputs[-1]

    def construct(self, images: Tensor) -> Tensor:
        """Compute feature maps (B, C, h, w) of normalised pictures (B, 3, H, W)."""
        x = self.maxpool(ops.relu(self.bn1(self.conv1(images))))
        x = self.attention2(self.layer1(x))
        x = self.attention3(self.layer2(x))
        x = self.attention4(self.layer3(x))
        return self.layer4(x)


def _stage(  # noqa: PLR0917 - called once
    block: _Block, channels: int, width: int, depth: int, stride: int, attended: int, config: ModelConfig
) -> nn.SequentialCell:
    blocks = [block(channels, width, stride, config)]
    blocks += [block(width * block.expansion, width, 1, config) for _ in range(depth - 1)]
    for one in blocks[max(depth - attended, 0) :]:
        one.non_local = NonLocal(width * block.expansion)
    return nn.SequentialCell(*blocks)


def _shortcut(channels: int, out: int, stride: int, config: ModelConfig) -> nn.Cell:
    if stride == 1 and channels == out:
        return nn.Identity()
    return nn.SequentialCell(_convolution(channels, out, kernel=1, stride=stride, config=config), nn.BatchNorm2d(out))


def _last_norm(channels: int, config: ModelConfig) -> nn.BatchNorm2d:
    if config.third_norm == "standard":
        return nn.BatchNorm2d(channels)
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.997, gamma_init="zeros")


def _convolution(channels: int, out: int, *, kernel: int, stride: int, config: ModelConfig) -> nn.Conv2d:
    same = config.padding == "same"
    return nn.Conv2d(
        channels,
        out,
        kernel,
        stride,
        pad_mode="same" if same else "pad",
        padding=0 if same else kernel // 2,
        weight_init=HeNormal(mode="fan_out", nonlinearity="relu"),
    )
