"""Networks: the one of a configuration, and `mvd.create_model`."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from torch import nn

from mvd.config import ModelConfig, RunConfig
from mvd.config.imports import load_object
from mvd.config.recipes import resolve_model
from mvd.errors import ConfigError, counted
from mvd.models.baseline import Baseline
from mvd.models.mvd import MVD
from mvd.runs import load_checkpoint

Network: TypeAlias = MVD | Baseline
Encoder: TypeAlias = nn.Module | Callable[[], nn.Module]

_log = logging.getLogger("mvd")


def create_model(
    name: str | RunConfig | ModelConfig = "mvd",
    *,
    classes: int,
    encoder: Encoder | None = None,
    pretrained: str | Path | None = None,
    **fields: Any,
) -> Network:
    """Create a network. It maps pictures to named outputs in training mode, and to embeddings in eval mode.

    Inputs are pictures (B, 3, H, W), normalised by ImageNet's mean and standard deviation, and for networks with
    `stems="specific"` (AGW) the modality (B,) of each picture, 0 visible and 1 infrared. Outputs are the tuples of
    `mvd.models.outputs` in training mode, and float32 embeddings (B, D) for ranking by inner product in eval mode.
    `network.outputs` and `network.embed` compute either in any mode.

    Args:
        name: the recipe whose network it is: "mvd", "baseline", "agw", … (`mvd recipes`). Or the configuration of a
            run, of which only `model` counts; or an architecture, a `ModelConfig`.
        classes: K, identities in training, at least 2.
        encoder: a module from pictures (B, 3, H, W) to feature maps (B, C, h, w) instead of our ResNet, such as
            `timm.create_model("convnext_tiny", num_classes=0, global_pool="")`: each branch gets a copy of it, weights
            included. Or a function that makes one: it is called for each branch.
        pretrained: a file of weights to start from, in any format that `mvd.weights` reads: a ResNet for the encoders,
            or a whole network, of whose heads those of the same size are used; with an own encoder, a checkpoint of the
            same network. What matched is logged to the logger "mvd".
        **fields: fields of `mvd.config.ModelConfig` that differ from the recipe's or the configuration's.

    Raises:
        ConfigError: there is no such recipe or field, a value is out of range, or the encoder gives no feature map.
        CheckpointError: the weights cannot be read, or belong to another encoder.

    >>> import torch
    >>> network = create_model("mvd", classes=5, arch="resnet18", base_width=8)
    >>> images = torch.zeros(2, 3, 64, 32)
    >>> network.train()(images).shared_visible.observation.logits.shape
    torch.Size([2, 5])
    >>> network.eval()(images).shape
    torch.Size([2, 256])

    A configuration in the place of a name:

    >>> config = RunConfig(model=ModelConfig(encoders="shared", arch="resnet18", base_width=8))
    >>> create_model(config, classes=5).shared.encoder.channels
    64
    """
    config = resolve_model(name, fields)
    network = build_network(config, classes, encoder)
    if pretrained is not None:
        _load(network, Path(pretrained), classes, own=encoder is not None or config.encoder is not None)
    return network


def build_network(config: ModelConfig, classes: int, encoder: Encoder | None = None) -> Network:
    """Build a network with new weights from torch's global generator.

    Args:
        config: the architecture.
        classes: K, identities in training.
        encoder: as for `create_model`; without it, what `config.encoder` names, or else our ResNet.

    Raises:
        ConfigError: fewer than two classes, the import path of the encoder leads nowhere, or it gives no feature map.
    """
    if encoder is None and config.encoder is not None:
        encoder = load_object(config.encoder, "model.encoder")
    if config.encoders == "mvd":
        return MVD(config, classes, [_instance(encoder) for _ in range(3)])
    return Baseline(config, classes, _instance(encoder))


def _load(network: Network, file: Path, classes: int, *, own: bool) -> None:
    from mvd.models.state import overlay, restore_network  # state builds networks by this module
    from mvd.weights import load_pretrained

    if own:
        restore_network(network, load_checkpoint(file)[0], file)
        _log.info("%s: all tensors matched", file)
        return
    tensors, report = load_pretrained(file, network.config, classes)
    overlay(network, tensors)
    matched = f"{counted(len(report.matched), 'tensor')} matched, {len(report.missing)} new"
    _log.info("%s: %s", file, "; ".join((matched, *report.notes)))


def _instance(encoder: Encoder | None) -> nn.Module | None:
    """Make the encoder of one branch: a copy of a module, or what a function makes."""
    if encoder is None:
        return None
    made = copy.deepcopy(encoder) if isinstance(encoder, nn.Module) else encoder() if callable(encoder) else encoder
    if not isinstance(made, nn.Module):
        raise ConfigError(
            f"encoder: expected a module, or a function without arguments that makes one, found {type(made).__name__}"
        )
    return made
