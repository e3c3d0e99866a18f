"""The tensors of our whole network, by name and shape, without building it: encoders, BN necks and bottlenecks.

The names are those of `mvd.models.branch` and `bottleneck`.
"""

from __future__ import annotations

from mvd.config import ModelConfig
from mvd.weights.encoders import encoder_shapes, map_channels, norm_shapes
from mvd.weights.formats.stored import Shape


def branches(config: ModelConfig) -> tuple[str, ...]:
    """Name the branches of a network; a baseline has the shared one alone."""
    return ("visible", "infrared", "shared") if config.encoders == "mvd" else ("shared",)


def network_shapes(config: ModelConfig, classes: int) -> dict[str, Shape]:
    """List the tensors of a network that tells `classes` people apart."""
    encoder = {f"encoder.{name}": shape for name, shape in encoder_shapes(config).items()}
    branch = encoder | head_shapes(config, classes)
    return {f"{name}.{tensor}": shape for name in branches(config) for tensor, shape in branch.items()}


def head_shapes(config: ModelConfig, classes: int) -> dict[str, Shape]:
    """List the tensors of a branch beside its encoder."""
    channels = map_channels(config)
    shapes = norm_shapes("neck.norm.", channels) | _linear("neck.classifier.", channels, classes)
    if not config.bottleneck:
        return shapes
    first, second = config.bottleneck_widths
    return {
        **shapes,
        **_linear("bottleneck.layers.0.", channels, first),
        **norm_shapes("bottleneck.layers.1.", first),
        **_linear("bottleneck.layers.3.", first, second),
        **norm_shapes("bottleneck.layers.4.", second),
        **_linear("bottleneck.layers.6.", second, config.z_dim),
        **_linear("bottleneck.classifier.0.", config.z_dim, config.classifier_width),
        **norm_shapes("bottleneck.classifier.1.", config.classifier_width),
        **_linear("bottleneck.classifier.4.", config.classifier_width, classes),
    }


def _linear(prefix: str, width: int, out: int) -> dict[str, Shape]:
    return {f"{prefix}weight": (out, width), f"{prefix}bias": (out,)}
