"""Compares MindSpore with PyTorch: one pass, its losses and its gradient, from the same weights and pictures.

Usage: python benchmarks/parity.py [--recipes mvd baseline] [--full]

Both frameworks compute in float32 on the CPU, in an environment that has both. By default the networks are small, but
have every part; --full uses those of the recipes, ResNet-50 of width 64, and compares both frameworks with float64.
Prints a table for BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import mindspore
import numpy as np
import numpy.typing as npt
import torch

from mvd import losses
from mvd.config import ModelConfig, RunConfig, RuntimeConfig
from mvd.config.recipes import RECIPES
from mvd.mindspore.device import computing
from mvd.mindspore.losses import build_objective
from mvd.mindspore.models.factory import Network, build_network, our_parameters
from mvd.mindspore.models.outputs import with_names
from mvd.mindspore.models.state import network_tensors, overlay
from mvd.models import factory, outputs, state

Array = npt.NDArray[Any]

SMALL: dict[str, Any] = {
    "arch": "resnet18",
    "base_width": 4,
    "bottleneck_widths": (12, 10),
    "z_dim": 8,
    "classifier_width": 6,
    "dropout": 0.0,
}
"""A network of every part that a test can afford."""

CLASSES = 5
_PEOPLE, _EACH = 4, 2
_LEAST_GRADIENT = 1e-3


class Differences(NamedTuple):
    """The largest differences between the frameworks.

    Attributes:
        outputs: of features and logits of every head, absolute.
        terms: of the losses, relative.
        gradients: of an entry of a gradient, relative to the largest entry of its layer's, or to a thousandth of the
            network's largest where that is more.
        statistics: of running means and variances, absolute up to 1 and relative above.
        descriptors: in eval mode after the pass, absolute.
    """

    outputs: float
    terms: float
    gradients: float
    statistics: float
    descriptors: float


class Batch(NamedTuple):
    """Pictures (B, 3, H, W) of random numbers, labels (B,) and modalities (B,)."""

    images: Array
    labels: Array
    modalities: Array


class Results(NamedTuple):
    """What one framework computed.

    Attributes:
        output: features and logits of every head.
        terms: losses by name, and "total".
        gradients: by the parameter's PyTorch name; those without one are left out.
        statistics: running means and variances after the pass, likewise.
        descriptors: (B, D), in eval mode after the pass.
    """

    output: list[Array]
    terms: dict[str, float]
    gradients: dict[str, Array]
    statistics: dict[str, Array]
    descriptors: Array


def draw_batch(seed: int = 0, size: tuple[int, int] = (64, 32)) -> Batch:
    """Draw a batch of 4 people with 2 + 2 pictures each."""
    labels = np.tile(np.repeat(np.arange(_PEOPLE), _EACH), 2)
    modalities = np.repeat([0, 1], _PEOPLE * _EACH)
    rng = np.random.default_rng(seed)
    # Pictures of one person resemble each other, so that a triplet is not like any other.
    people = rng.standard_normal((_PEOPLE, 3, *size))
    images = people[labels] + rng.standard_normal((len(labels), 3, *size))
    return Batch(images.astype(np.float32), labels, modalities)


def torch_network(config: ModelConfig, seed: int = 0) -> factory.Network:
    """Build a network whose weights differ from their simple initial values, as after training."""
    torch.manual_seed(seed)
    network = factory.build_network(config, CLASSES)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
            elif ".classifier." in name:
                parameter.add_(0.3 * torch.randn_like(parameter))
    return network


def mindspore_network(config: ModelConfig, like: factory.Network) -> Network:
    """Build the same network with the same weights."""
    network = build_network(config, CLASSES)
    overlay(network, state.network_tensors(like))
    return network


def run_torch(config: RunConfig, network: factory.Network, batch: Batch) -> Results:
    """Compute a pass, its losses, gradients and statistics in PyTorch."""
    images, labels, modalities = (torch.from_numpy(array) for array in batch)
    output = network.train()(images)
    found = losses.build_objective(config)(output, labels, modalities)
    torch.autograd.backward(found.total)
    gradients = {name: one.grad.numpy() for name, one in network.named_parameters() if one.grad is not None}
    with torch.no_grad():
        descriptors = network.eval()(images).numpy()
    return Results(
        [tensor.detach().numpy() for tensor in outputs.tensors_of(output)],
        {name: float(value) for name, value in {**found.terms, "total": found.total.detach()}.items()},
        gradients,
        _statistics(state.network_tensors(network)),
        descriptors,
    )


def run_mindspore(config: RunConfig, network: Network, batch: Batch, *, graph: bool) -> Results:
    """Compute the same in MindSpore, compiled or step by step."""
    objective = build_objective(config)

    def forward(images: Any, labels: Any, modalities: Any) -> Any:
        output = network(images)
        total, terms = objective(output, labels, modalities)
        return total, terms, output

    with computing(RuntimeConfig(compile=graph), "cpu"):
        network.set_train(True)
        compute = mindspore.value_and_grad(forward, None, network.trainable_params(), has_aux=True)
        arrays = [mindspore.Tensor(array) for array in batch]
        (total, terms, output), gradients = compute(*arrays)
        names = {id(parameter): name for name, parameter in our_parameters(network).items()}
        network.set_train(False)
        descriptors = as_array(network(arrays[0]))
    return Results(
        [as_array(tensor) for tensor in outputs.tensors_of(with_names(output))],
        {name: float(value.asnumpy()) for name, value in {**terms, "total": total}.items()},
        {
            names[id(parameter)]: gradient.asnumpy()
            for parameter, gradient in zip(network.trainable_params(), gradients, strict=True)
        },
        _statistics(network_tensors(network)),
        descriptors,
    )


def differences(found: Results, expected: Results) -> Differences:
    """Compare what two frameworks computed.

    Raises:
        AssertionError: they have other losses or parameters.
    """
    if found.terms.keys() != expected.terms.keys() or not expected.gradients.keys() <= found.gradients.keys():
        raise AssertionError(f"not the same losses or parameters: {found.terms.keys()} and {expected.terms.keys()}")
    # A classifier that no loss reads has no gradient in PyTorch, and one of zeros in MindSpore.
    gradients = {name: np.zeros_like(one) for name, one in found.gradients.items()} | expected.gradients
    scales: dict[str, float] = {}
    for name, one in gradients.items():
        layer = name.rpartition(".")[0]
        scales[layer] = max(scales.get(layer, 0.0), _largest(one))
    least = _LEAST_GRADIENT * max(scales.values())
    return Differences(
        max(_largest(a - b) for a, b in zip(found.output, expected.output, strict=True)),
        max(abs(found.terms[name] / value - 1) for name, value in expected.terms.items()),
        max(
            _largest(found.gradients[name] - one) / max(scales[name.rpartition(".")[0]], least)
            for name, one in gradients.items()
        ),
        max(
            float(np.max(np.abs(found.statistics[name] - one) / np.maximum(np.abs(one), 1)))
            for name, one in expected.statistics.items()
        ),
        _largest(found.descriptors - expected.descriptors),
    )


def compare(config: RunConfig, *, graph: bool, seed: int = 0) -> Differences:
    """Compare MindSpore with PyTorch, both in float32."""
    batch, reference = draw_batch(seed), torch_network(config.model, seed)
    network = mindspore_network(config.model, reference)
    return differences(run_mindspore(config, network, batch, graph=graph), run_torch(config, reference, batch))


def compare_exactly(config: RunConfig, *, seed: int = 0) -> tuple[Differences, Differences]:
    """Compare both frameworks in float32 with PyTorch in float64: MindSpore, and PyTorch itself.

    In a deep network with new weights a rounding error grows from layer to layer, and a ReLU that it switches changes a
    gradient by much more than its size; how much is not the frameworks' doing.
    """
    batch, reference = draw_batch(seed), torch_network(config.model, seed)
    exact = copy.deepcopy(reference).double()
    network = mindspore_network(config.model, reference)
    expected = run_torch(config, exact, batch._replace(images=batch.images.astype(np.float64)))
    found = run_mindspore(config, network, batch, graph=False)
    return differences(found, expected), differences(run_torch(config, reference, batch), expected)


def small(config: RunConfig, **fields: Any) -> RunConfig:
    """Make the small twin of a configuration."""
    return replace(config, model=replace(config.model, **{**SMALL, **fields}))


def as_array(tensor: Any) -> Array:
    """Copy a tensor of MindSpore."""
    array: Array = tensor.asnumpy()
    return array


def _largest(values: Array) -> float:
    return float(np.abs(values).max())


def _statistics(tensors: Mapping[str, Array]) -> dict[str, Array]:
    return {name: one for name, one in tensors.items() if ".running_" in name}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", default=["mvd", "mvd-mindspore", "mvd-cvpr21", "baseline"])
    parser.add_argument("--full", action="store_true", help="the recipes' own ResNet-50, against float64")
    arguments = parser.parse_args()
    # Before PyTorch convolves: it settles the instructions of both (`mvd.mindspore.device`).
    with computing(RuntimeConfig(compile=False), "cpu"):
        pass
    print("| network | compared | outputs | terms | gradients | statistics | descriptors | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    for name in arguments.recipes:
        recipe = RECIPES[name]
        if arguments.full:
            started = time.perf_counter()
            ours, theirs = compare_exactly(replace(recipe, model=replace(recipe.model, dropout=0.0)))
            _print_row(f"{name}, ResNet-50", "MindSpore with float64", ours, time.perf_counter() - started)
            _print_row(f"{name}, ResNet-50", "PyTorch with float64", theirs)
            continue
        for graph in (False, True):
            started = time.perf_counter()
            found = compare(small(recipe), graph=graph)
            mode = "GRAPH_MODE" if graph else "PYNATIVE_MODE"
            _print_row(f"{name}, small", mode, found, time.perf_counter() - started)


def _print_row(network: str, compared: str, found: Differences, seconds: float | None = None) -> None:
    figures = " | ".join(f"{value:.1e}" for value in found)
    print(f"| {network} | {compared} | {figures} | {'' if seconds is None else f'{seconds:.0f}'} |", flush=True)


if __name__ == "__main__":
    main()
