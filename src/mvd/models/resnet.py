"""ResNet encoders: from pictures to feature maps.

Parameters have torchvision's names (conv1, layer1.0.bn2, layer2.0.downsample.0, …), so ImageNet weights load
unchanged; there is no `fc`. Blocks have their stride in the 3×3 convolution, as in both released codes of MVD. Where
those two differ there is a setting: the stride of the last stage, the padding, the constants of the last norm of a
block, and channel attention between the stages. AGW's settings are non-local attention after some blocks and a stem
for each modality. Padding depends on shapes alone, so an encoder with one stem compiles to one graph.

Shapes: B batch, C channels out, H × W pixels in, h × w positions out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from itertools import chain
from typing import TypeAlias, cast

import torch
from torch import Tensor, nn

from mvd.config import ModelConfig
from mvd.data.samples import Modality
from mvd.errors import ConfigError, counted
from mvd.models.attention import ChannelAttention, NonLocal
from mvd.models.resnet_blocks import BasicBlock, BottleneckBlock, Stem, make_stage
from mvd.runtime.recompute import recomputed

_Stems: TypeAlias = tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]

_STAGES = 4

# AGW's: how many blocks, counted from the end of stages 2 and 3, are followed by non-local attention.
_NON_LOCAL = (2, 3)

_ARCHITECTURES: Mapping[str, tuple[type[BasicBlock] | type[BottleneckBlock], tuple[int, int, int, int]]] = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (BottleneckBlock, (3, 4, 6, 3)),
    "resnet101": (BottleneckBlock, (3, 4, 23, 3)),
}
"""The block of each architecture, and the number of blocks in each stage."""


class ResNet(Stem):
    """A residual encoder (He et al., CVPR 2016) without pooling or classifier: a stem and four stages.

    Convolutions start from He's normal distribution (fan out), norms from the identity, except the last norm of a
    block under `third_norm="mindspore"`, which starts from zero. Attention starts as the identity. With
    `stems="specific"` visible pictures take the stem with torchvision's names, infrared ones another.

    Args:
        config: the architecture.
        start: the stage, from 0, at which `forward` begins; `first_stages` computes those before it, for branches that
            share them.
        whole: whether to have the stages before `start` at all; without them, another encoder computes them.

    Attributes:
        channels: C, channels of the feature map.
        recompute: activation checkpointing in training: keep the input of each block only, and compute the rest again
            for the gradient. A fraction of the memory for a third more arithmetic.
        compiled: run the encoder through `torch.compile` in training. Encoders of the same shape share one compiled
            program, so three of them take the time of one. Validation, with other batch sizes, compiles nothing.
    """

    recompute = False
    compiled = False

    def __init__(self, config: ModelConfig, start: int = 0, *, whole: bool = True) -> None:
        super().__init__(config)
        self.start = start
        block, depths = _ARCHITECTURES[config.arch]
        stem = config.base_width
        widths = [stem, 2 * stem, 4 * stem, 8 * stem]
        strides = [1, 2, 2, config.last_stride]
        inputs = [stem, *(width * block.expansion for width in widths)]
        stages = [
            make_stage(block, channels, width, depth=depth, stride=stride, config=config)
            for channels, width, depth, stride in zip(inputs, widths, depths, strides, strict=False)
        ]
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.attention2, self.attention3, self.attention4 = (
            ChannelAttention() if config.channel_attention else nn.Identity() for _ in range(3)
        )
        self.channels = inputs[-1]
        self.infrared_stem = Stem(config) if config.stems == "specific" else None
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        # After the loop: its rule, by outputs, would give convolutions with one output huge weights.
        if config.non_local:
            for stage, channels, count in zip((self.layer2, self.layer3), inputs[2:4], _NON_LOCAL, strict=True):
                for attended in list(stage)[-count:]:
                    attended.non_local = NonLocal(channels)
        if not whole:
            removed = [(f"layer{stage}", f"attention{stage + 1}") for stage in range(1, start + 1)]
            for name in ("conv1", "bn1", "maxpool", *chain(*removed)):
                delattr(self, name)

    def forward(self, images: Tensor, modalities: Tensor | None = None) -> Tensor:
        """Compute feature maps.

        Args:
            images: (B, 3, H, W), normalised; or what `first_stages` computed, if some are shared.
            modalities: (B,) int64, a `Modality` each, on the host, so that sorting the pictures waits for no device;
                used only where each modality has a stem of its own.

        Returns:
            (B, C, h, w): h = ⌈H / 32⌉, or ⌈H / 16⌉ with last stride 1; w likewise.

        Raises:
            ConfigError: modalities are needed, and missing or of another number than the pictures.
        """
        return self._run(images, modalities, self.start, _STAGES)

    def first_stages(self, images: Tensor) -> Tensor:
        """Compute the stages before `start` of pictures (B, 3, H, W), for every branch that shares them."""
        return self._run(images, None, 0, self.start)

    def _run(self, x: Tensor, modalities: Tensor | None, first: int, last: int) -> Tensor:
        if self.compiled and self.training:
            # One layout for all passes: expanded grey pictures have another, and another program would be compiled.
            weight = next(weight for weight in self.parameters() if weight.ndim == 4)
            layout = torch.channels_last if weight.is_contiguous(memory_format=torch.channels_last) else None
            x = x.contiguous(memory_format=layout or torch.contiguous_format)
            features: Tensor = _compiled_encoder()(self, x, modalities, first, last)
            return features
        return self._encode(x, modalities, first, last)

    def _encode(self, x: Tensor, modalities: Tensor | None, first: int, last: int) -> Tensor:
        if first == 0:
            x = self._stems(x, modalities)
        for stage in range(first + 1, last + 1):
            x = self._stage(cast("nn.Sequential", self.get_submodule(f"layer{stage}")), x)
            x = x if stage == _STAGES else self.get_submodule(f"attention{stage + 1}")(x)
        return x

    def _stems(self, images: Tensor, modalities: Tensor | None) -> Tensor:
        if self.infrared_stem is None:
            return super().forward(images)
        stems = (super().forward, self.infrared_stem)
        return (_choose if _exporting() else _by_modality)(images, modalities, stems)

    def _stage(self, blocks: nn.Sequential, x: Tensor) -> Tensor:
        if self.recompute and self.training and torch.is_grad_enabled():
            for block in blocks:
                x = recomputed(block, x)
            return x
        features: Tensor = blocks(x)
        return features


@cache
def _compiled_encoder() -> Callable[..., Tensor]:
    """Compile `ResNet._encode` once for all encoders; their parameters are its inputs."""
    return torch.compile(ResNet._encode, dynamic=False)


def _exporting() -> bool:
    """Whether torch.export is tracing; an exported program may not depend on which pictures are of which modality."""
    # New in PyTorch 2.7, which `mvd export` requires.
    asked = getattr(torch.compiler, "is_exporting", None)
    return asked is not None and bool(asked())


def _choose(images: Tensor, modalities: Tensor | None, stems: _Stems) -> Tensor:
    """Compute both stems and select by modality: in eval mode, the same as `_by_modality`."""
    assert modalities is not None
    visible, infrared = (stem(images) for stem in stems)
    return torch.where((modalities == Modality.INFRARED)[:, None, None, None], infrared, visible)


def _by_modality(images: Tensor, modalities: Tensor | None, stems: _Stems) -> Tensor:
    """Compute the stem of each picture's modality, so that its norm sees only pictures of that modality."""
    if modalities is None or len(modalities) != len(images):
        found = "none" if modalities is None else f"{len(modalities)} for {counted(len(images), 'picture')}"
        raise ConfigError(
            f"model.stems: expected the modality of every picture, because each has a stem of its own, found {found}; "
            f"pass modalities, or use a network with --model.stems shared"
        )
    rows = [(modalities == modality).nonzero().flatten() for modality in Modality]
    if sum(map(len, rows)) != len(images):
        raise ConfigError(
            f"model.stems: expected modalities 0 (visible) and 1 (infrared), found {sorted(set(modalities.tolist()))}"
        )
    maps = [stem(images[own.to(images.device)]) for stem, own in zip(stems, rows, strict=True) if len(own)]
    return torch.cat(maps)[torch.cat(rows).argsort().to(images.device)]
