"""The tensors of our encoder, by name and shape, without building it.

What a file of pre-trained weights is compared with before a framework is loaded. The names are those of
`mvd.models.resnet`, which are torchvision's for all that torchvision's ResNets have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args, get_type_hints

from mvd.config import ModelConfig
from mvd.weights.formats.stored import Shape

ARCHITECTURES: tuple[str, ...] = get_args(get_type_hints(ModelConfig)["arch"])

_DEPTHS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}
_BASIC = ("resnet18", "resnet34")
_NON_LOCAL = {2: 2, 3: 3}
"""AGW's: how many blocks of a stage, from its end, are followed by non-local attention."""


def resnet_shapes(arch: str, base_width: int) -> dict[str, Shape]:
    """List the tensors of a ResNet without its classifier.

    Args:
        arch: one of `ARCHITECTURES`.
        base_width: channels of the first stage; 64 as published.
    """
    shapes = _stem(base_width)
    channels = base_width
    for stage, depth in enumerate(_DEPTHS[arch]):
        width = base_width * 2**stage
        for block in range(depth):
            shapes |= _under(f"layer{stage + 1}.{block}.", _block(channels, width, basic=arch in _BASIC))
            channels = width if arch in _BASIC else 4 * width
    return shapes


def encoder_shapes(config: ModelConfig) -> dict[str, Shape]:
    """List the tensors of an encoder: those of its ResNet, and what the configuration adds to it."""
    shapes = resnet_shapes(config.arch, config.base_width)
    if config.channel_attention:
        shapes |= {f"attention{stage}.gamma": (1,) for stage in (2, 3, 4)}
    if config.non_local:
        for stage, count in _NON_LOCAL.items():
            depth = _DEPTHS[config.arch][stage - 1]
            width = config.base_width * 2 ** (stage - 1) * (1 if config.arch in _BASIC else 4)
            for block in range(max(depth - count, 0), depth):
                shapes |= _under(f"layer{stage}.{block}.non_local.", _non_local(width))
    if config.stems == "specific":
        shapes |= _under("infrared_stem.", _stem(config.base_width))
    return shapes


def map_channels(config: ModelConfig) -> int:
    """Count the channels of an encoder's map."""
    return config.base_width * 8 * (1 if config.arch in _BASIC else 4)


def find_architecture(shapes: Mapping[str, Shape]) -> str | None:
    """Name the ResNet whose tensors these are, among others; None if it is none of ours."""
    base_width = (shapes.get("conv1.weight") or (0,))[0]
    return next(
        (
            arch
            for arch in reversed(ARCHITECTURES)
            if all(shapes.get(name) == shape for name, shape in resnet_shapes(arch, base_width).items() if shape)
        ),
        None,
    )


def _stem(width: int) -> dict[str, Shape]:
    return {"conv1.weight": (width, 3, 7, 7)} | norm_shapes("bn1.", width)


def _block(channels: int, width: int, *, basic: bool) -> dict[str, Shape]:
    if basic:
        out, convolutions = width, [(width, channels, 3), (width, width, 3)]
    else:
        out, convolutions = 4 * width, [(width, channels, 1), (width, width, 3), (4 * width, width, 1)]
    shapes: dict[str, Shape] = {}
    for index, (to, of, kernel) in enumerate(convolutions, start=1):
        shapes |= {f"conv{index}.weight": (to, of, kernel, kernel)} | norm_shapes(f"bn{index}.", to)
    if channels != out:
        shapes |= {"downsample.0.weight": (out, channels, 1, 1)} | norm_shapes("downsample.1.", out)
    return shapes


def _non_local(channels: int) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    for name in ("theta", "phi", "g"):
        shapes |= {f"{name}.weight": (1, channels, 1, 1), f"{name}.bias": (1,)}
    return shapes | {"out.weight": (channels, 1, 1, 1), "out.bias": (channels,)} | norm_shapes("norm.", channels)


def norm_shapes(prefix: str, width: int) -> dict[str, Shape]:
    """List the tensors of a batch norm."""
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{prefix}{part}": (width,) for part in parts} | {f"{prefix}num_batches_tracked": ()}


def _under(prefix: str, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    return {f"{prefix}{name}": shape for name, shape in shapes.items()}
