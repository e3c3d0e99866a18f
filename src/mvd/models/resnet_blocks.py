"""Parts of a ResNet: the blocks and their stages, the stem, convolutions and pools with either padding.

Shapes: B batch, H × W pixels.
"""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional as F

from mvd.config import ModelConfig
from mvd.models.attention import NonLocal


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut: the block of ResNet-18 and -34."""

    expansion = 1

    def __init__(self, channels: int, width: int, stride: int, config: ModelConfig) -> None:
        super().__init__()
        self.conv1 = _convolution(channels, width, kernel=3, stride=stride, config=config)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _convolution(width, width, kernel=3, stride=1, config=config)
        self.bn2 = _last_norm(width, config)
        self.downsample = _shortcut(channels, width, stride, config)
        self.non_local: NonLocal | nn.Identity = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = _relu(self.bn1(self.conv1(x)))
        out = _relu(_add(self.bn2(self.conv2(out)), self.downsample(x)))
        attended: Tensor = self.non_local(out)
        return attended


class BottleneckBlock(nn.Module):
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
        self.non_local: NonLocal | nn.Identity = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = _relu(self.bn1(self.conv1(x)))
        out = _relu(self.bn2(self.conv2(out)))
        out = _relu(_add(self.bn3(self.conv3(out)), self.downsample(x)))
        attended: Tensor = self.non_local(out)
        return attended


class Stem(nn.Module):
    """The first stage: a 7×7 convolution, its norm and a max pool; convolution and pool each halve the picture."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.conv1 = _convolution(3, config.base_width, kernel=7, stride=2, config=config)
        self.bn1 = nn.BatchNorm2d(config.base_width)
        self.maxpool = _SameMaxPool2d(3, 2) if config.padding == "same" else nn.MaxPool2d(3, 2, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Turn pictures (B, 3, H, W) into maps (B, base width, ⌈H / 4⌉, ⌈W / 4⌉)."""
        maps: Tensor = self.maxpool(_relu(self.bn1(self.conv1(images))))
        return maps


def make_stage(
    block: type[BasicBlock] | type[BottleneckBlock],
    channels: int,
    width: int,
    *,
    depth: int,
    stride: int,
    config: ModelConfig,
) -> nn.Sequential:
    """Make a stage of `depth` blocks, of which the first has the stride."""
    first = block(channels, width, stride, config)
    return nn.Sequential(first, *(block(width * block.expansion, width, 1, config) for _ in range(depth - 1)))


def _relu(x: Tensor) -> Tensor:
    # In place: the input is a norm's output or a sum, which no gradient needs.
    return F.relu(x, inplace=True)


def _add(x: Tensor, shortcut: Tensor) -> Tensor:
    return x.add_(shortcut)


def _shortcut(channels: int, out: int, stride: int, config: ModelConfig) -> nn.Module:
    if stride == 1 and channels == out:
        return nn.Identity()
    return nn.Sequential(_convolution(channels, out, kernel=1, stride=stride, config=config), nn.BatchNorm2d(out))


def _last_norm(channels: int, config: ModelConfig) -> nn.BatchNorm2d:
    if config.third_norm == "standard":
        return nn.BatchNorm2d(channels)
    norm = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.003)
    nn.init.zeros_(norm.weight)
    return norm


def _convolution(channels: int, out: int, *, kernel: int, stride: int, config: ModelConfig) -> nn.Conv2d:
    # At stride 1 both rules pad an odd kernel alike, and a 1×1 kernel not at all.
    if config.padding == "same" and stride > 1 and kernel > 1:
        return _SameConv2d(channels, out, kernel, stride, bias=False)
    return nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=False)


class _SameConv2d(nn.Conv2d):
    """A convolution padded with zeros so that n positions give ceil(n / stride)."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        return super().forward(_pad_same(input, self.kernel_size[0], self.stride[0], value=0.0))


class _SameMaxPool2d(nn.Module):
    """A max pool padded so that n positions give ceil(n / stride)."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        padded = _pad_same(x, self.kernel, self.stride, value=-math.inf)
        return F.max_pool2d(padded, self.kernel, self.stride)


def _pad_same(x: Tensor, kernel: int, stride: int, *, value: float) -> Tensor:
    """Pad height and width as MindSpore's "same": the smallest sufficient amount, the smaller half before."""
    needed = [max((math.ceil(n / stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:]]
    (top, bottom), (left, right) = ((total // 2, total - total // 2) for total in needed)
    return F.pad(x, (left, right, top, bottom), value=value)
