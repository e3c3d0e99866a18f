"""Names and shapes of the tensors of a configured network, without a framework.

Shapes: C channels, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator

from mvd.config import ModelConfig
from mvd.weights.formats.arrays import Shape

Tensors = Iterator[tuple[str, Shape]]

_DEPTHS = {
    "resnet18": (2, 2, 2, 2),
    "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
}
_BASIC = ("resnet18", "resnet34")  # blocks of two convolutions; the others have three
_NON_LOCAL = (0, 2, 3, 0)  # how many blocks of each stage are followed by non-local attention
_STATISTICS = ("running_mean", "running_var")


def network_shapes(config: ModelConfig, classes: int) -> dict[str, Shape]:
    """List the tensors of a network with their shapes, in the order of its checkpoints.

    Args:
        config: the architecture, with a ResNet.
        classes: K.

    >>> network_shapes(ModelConfig(arch="resnet18", base_width=4), classes=3)["shared.neck.classifier.weight"]
    (3, 32)
    """
    branches = ("shared",) if config.encoders == "shared" else ("visible", "infrared", "shared")
    return {
        f"{branch}.{name}": shape
        for branch in branches
        for name, shape in _branch(config, classes, start=0 if branch == "shared" else config.trunk)
    }


def _branch(config: ModelConfig, classes: int, *, start: int) -> Tensors:
    channels = 8 * config.base_width * _expansion(config)
    yield from _under("encoder", _encoder(config, start))
    yield from _under("neck.norm", _norm(channels))
    yield from _under("neck.classifier", _linear(channels, classes))
    if config.bottleneck:
        first, second = config.bottleneck_widths
        hidden = config.classifier_width
        yield from _under("bottleneck.layers.0", _linear(channels, first))
        yield from _under("bottleneck.layers.1", _norm(first))
        yield from _under("bottleneck.layers.3", _linear(first, second))
        yield from _under("bottleneck.layers.4", _norm(second))
        yield from _under("bottleneck.layers.6", _linear(second, config.z_dim))
        yield from _under("bottleneck.classifier.0", _linear(config.z_dim, hidden))
        yield from _under("bottleneck.classifier.1", _norm(hidden))
        yield from _under("bottleneck.classifier.4", _linear(hidden, classes))
    for strip in range(config.strips):
        yield from _under(f"strips.{strip}.layers.0", _linear(channels, config.strip_width))
        yield from _under(f"strips.{strip}.layers.1", _norm(config.strip_width))
        yield from _under(f"strips.{strip}.classifier", _linear(config.strip_width, classes))


def _encoder(config: ModelConfig, start: int) -> Tensors:
    """List the tensors of an encoder from stage `start`, counted from 0; the stem belongs to stage 0."""
    if start == 0:
        yield from _stem(config)
    channels = config.base_width
    for stage, depth in enumerate(_DEPTHS[config.arch]):
        width = config.base_width * 2**stage
        stride = (1, 2, 2, config.last_stride)[stage]
        for number in range(depth):
            attended = config.non_local and number >= depth - _NON_LOCAL[stage]
            block = _block(config, channels, width, stride=stride if number == 0 else 1, attended=attended)
            if stage >= start:
                yield from _under(f"layer{stage + 1}.{number}", block)
            channels = width * _expansion(config)
    if config.channel_attention:
        yield from ((f"attention{stage}.gamma", (1,)) for stage in (2, 3, 4) if stage > start + 1)
    if config.stems == "specific":
        yield from _under("infrared_stem", _stem(config))


def _stem(config: ModelConfig) -> Tensors:
    yield "conv1.weight", (config.base_width, 3, 7, 7)
    yield from _under("bn1", _norm(config.base_width))


def _block(config: ModelConfig, channels: int, width: int, *, stride: int, attended: bool) -> Tensors:
    out = width * _expansion(config)
    sides: tuple[tuple[int, int, int], ...] = ((channels, width, 3), (width, width, 3))
    if config.arch not in _BASIC:
        sides = ((channels, width, 1), (width, width, 3), (width, out, 1))
    for number, (before, after, kernel) in enumerate(sides, start=1):
        yield f"conv{number}.weight", (after, before, kernel, kernel)
        yield from _under(f"bn{number}", _norm(after))
    if stride > 1 or channels != out:
        yield "downsample.0.weight", (out, channels, 1, 1)
        yield from _under("downsample.1", _norm(out))
    if attended:
        for name in ("theta", "phi", "g"):
            yield from _under(f"non_local.{name}", [("weight", (1, out, 1, 1)), ("bias", (1,))])
        yield from _under("non_local.out", [("weight", (out, 1, 1, 1)), ("bias", (out,))])
        yield from _under("non_local.norm", _norm(out))


def _norm(channels: int) -> Tensors:
    for name in ("weight", "bias", *_STATISTICS):
        yield name, (channels,)
    yield "num_batches_tracked", ()


def _linear(width: int, out: int) -> Tensors:
    yield "weight", (out, width)
    yield "bias", (out,)


def _under(prefix: str, tensors: Tensors | list[tuple[str, Shape]]) -> Tensors:
    for name, shape in tensors:
        yield f"{prefix}.{name}", shape


def _expansion(config: ModelConfig) -> int:
    return 1 if config.arch in _BASIC else 4
