"""The networks there are, and the one that a configuration asks for."""

from __future__ import annotations

from typing import TypeAlias

from mvd.config import ModelConfig
from mvd.models.baseline import Baseline
from mvd.models.mvd import MVD

Network: TypeAlias = MVD | Baseline


def build_network(config: ModelConfig, classes: int) -> Network:
    """Build a network with new weights from torch's global generator.

    Args:
        config: the shape of the network.
        classes: K, identities that are trained on.

    Raises:
        ConfigError: fewer than two classes.
    """
    match config.encoders:
        case "mvd":
            return MVD(config, classes)
        case "shared":
            return Baseline(config, classes)
