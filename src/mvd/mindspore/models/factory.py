"""Build networks from configurations, and `mvd.mindspore.create_model`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, TypeAlias

from mindspore import Parameter

from mvd.config import ModelConfig, RunConfig
from mvd.config.recipes import resolve_model
from mvd.errors import ConfigError, counted
from mvd.mindspore.models.baseline import Baseline
from mvd.mindspore.models.mvd import MVD
from mvd.weights.names import to_their_names
from mvd.weights.namings import MINDSPORE_RELEASE

Network: TypeAlias = MVD | Baseline

_log = logging.getLogger("mvd")


def create_model(
    recipe: str | RunConfig | ModelConfig = "mvd",
    *,
    classes: int,
    pretrained: str | Path | None = None,
    **fields: Any,
) -> Network:
    """Create a network. It maps pictures to named outputs in training mode, and to embeddings in eval mode.

    Pictures are (B, 3, H, W), normalised by ImageNet's mean and standard deviation. Like every MindSpore cell, a new
    network is in eval mode; call `network.set_train(True)` to train. `mindspore.set_seed` determines the weights.

    Args:
        recipe: name of a recipe, the configuration of a run, of which only `model` counts, or an architecture.
        classes: K, the number of training identities, at least 2.
        pretrained: weights file in any format that `mvd.weights` reads: a ResNet for the encoders, or a whole network,
            whose heads are used if they have the same size.
        **fields: fields of `mvd.config.ModelConfig` that differ from the recipe's or the configuration's.

    Raises:
        ConfigError: there is no such recipe or field, a value is out of range, or the network is not supported in
            MindSpore.
        CheckpointError: the weights cannot be read, or belong to another encoder.

    >>> create_model("baseline", classes=5, arch="resnet18", base_width=8).shared.encoder.channels
    64
    """
    network = build_network(resolve_model(recipe, fields), classes)
    if pretrained is not None:
        _load(network, Path(pretrained), classes)
    return network


def build_network(config: ModelConfig, classes: int) -> Network:
    """Build a network with random weights, determined by `mindspore.set_seed`.

    Its parameters have the names of the MindSpore release, so that the release's programs can load files written by
    `mindspore.save_checkpoint`.

    Raises:
        ConfigError: fewer than two classes, or a network that is supported in PyTorch only.
    """
    require_here(config)
    network: Network = MVD(config, classes) if config.encoders == "mvd" else Baseline(config, classes)
    parameters = our_parameters(network)
    released = to_their_names(dict.fromkeys(parameters), MINDSPORE_RELEASE)  # type: ignore[arg-type]
    for ours, theirs in zip(released.report.matched, released.tensors, strict=True):
        parameters[ours].name = theirs
    return network


def require_here(config: ModelConfig) -> None:
    """Refuse a network that is supported in PyTorch only.

    Raises:
        ConfigError: a field is not supported; the message names it.

    >>> from mvd.config.recipes import AGW
    >>> require_here(AGW.model)
    Traceback (most recent call last):
    mvd.errors.ConfigError: model.stems: expected "shared" with framework mindspore, found 'specific' (as agw ...
    """
    if config.stems != "shared":
        raise ConfigError(
            f'model.stems: expected "shared" with framework mindspore, found {config.stems!r} (as agw and caj): a '
            f"compiled graph cannot sort pictures by modality; take --framework pytorch or --model.stems shared"
        )
    if config.encoder is not None:
        raise ConfigError(
            f"model.encoder: expected none with framework mindspore, found {config.encoder!r}: own encoders are "
            f"PyTorch's modules; take --framework pytorch or leave it out"
        )
    refused = {"trunk": config.trunk, "strips": config.strips, "descriptor_flip": config.descriptor_flip}
    for field, found in refused.items():
        if found:
            raise ConfigError(
                f"model.{field}: expected {type(found)()} with framework mindspore, found {found}: only PyTorch has it "
                f"here; take --framework pytorch or leave it out"
            )


def our_parameters(network: Network) -> dict[str, Parameter]:
    """Return the parameters and running statistics of a network by PyTorch's names, as in `mvd.weights`.

    >>> [*our_parameters(create_model("baseline", classes=2, arch="resnet18", base_width=4))][:2]
    ['shared.encoder.conv1.weight', 'shared.encoder.bn1.running_mean']
    """
    structure = dict(network.parameters_and_names())
    norms = {name.removesuffix(".moving_mean") for name in structure if name.endswith(".moving_mean")}
    return {_our_name(name, norms): parameter for name, parameter in structure.items()}


_ENDS = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def _our_name(name: str, norms: set[str]) -> str:
    cell, _, leaf = name.rpartition(".")
    return f"{cell}.{_ENDS[leaf]}" if cell in norms else name


def _load(network: Network, file: Path, classes: int) -> None:
    from mvd.mindspore.models.state import overlay  # avoids a circular import
    from mvd.weights import load_pretrained

    tensors, report = load_pretrained(file, network.config, classes)
    overlay(network, tensors)
    matched = f"{counted(len(report.matched), 'tensor')} matched, {len(report.missing)} new"
    _log.info("%s: %s", file, "; ".join((matched, *report.notes)))
