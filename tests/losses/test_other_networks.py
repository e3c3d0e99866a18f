"""The objective of networks that lack some of MVD's parts: what is left of it, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from mvd.commands.engine import load_engine
from mvd.config import LossConfig, ModelConfig, RunConfig, RuntimeConfig
from mvd.config.recipes import RECIPES
from mvd.errors import ConfigError
from mvd.losses.cml import conventional_mutual_learning
from mvd.losses.identity import identity_loss
from mvd.losses.objective import Objective, accuracy, build_objective, loss_terms
from mvd.models.factory import build_network
from mvd.models.outputs import Branch, MVDOutput, SharedOutput

if TYPE_CHECKING:
    from conftest import MakeOutput

_LABELS = torch.tensor([0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2])
_MODALITIES = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
_PLAIN = LossConfig(vsd_weight=0, vcd_weight=0, vml_weight=0, label_smoothing=0.0)


def test_without_bottlenecks_the_observations_count_as_they_do_with_them(random_output: MakeOutput) -> None:
    whole = random_output()
    output = _observed(whole)
    losses = replace(_PLAIN, metric_weight=0, cml_weight=2, specific=0.7, shared=0.2)
    terms = _objective(losses)(output, _LABELS, _MODALITIES).terms
    weighed = [
        (0.7, output.visible),
        (0.7, output.infrared),
        (0.2, output.shared_visible),
        (0.2, output.shared_infrared),
    ]
    expected = [
        weight * identity_loss(branch.observation.logits, _LABELS, smoothing=0.0).detach() for weight, branch in weighed
    ]
    torch.testing.assert_close(terms["identity"], torch.stack(expected).sum())
    cml = conventional_mutual_learning(whole.visible.logits[0], whole.infrared.logits[0])
    torch.testing.assert_close(terms["cml"], cml.detach())


def test_the_one_pass_of_a_shared_encoder_counts_as_a_shared_one(random_output: MakeOutput) -> None:
    output = SharedOutput(random_output().shared_visible)
    losses = _objective(replace(_PLAIN, metric_weight=0, shared=0.3))(output, _LABELS, _MODALITIES)
    heads = [identity_loss(head.logits, _LABELS, smoothing=0.0).detach() for head in output.shared.heads]
    torch.testing.assert_close(losses.terms["identity"], 0.3 * torch.stack(heads).sum())
    hits = [(head.logits.argmax(dim=1) == _LABELS).double().mean() for head in output.shared.heads]
    torch.testing.assert_close(accuracy(output, _LABELS).double(), torch.stack(hits).mean())


@pytest.mark.parametrize(
    ("change", "losses"),
    [
        ({"bottleneck": False}, replace(_PLAIN, cml_weight=1.0)),
        ({"encoders": "shared"}, _PLAIN),
        ({"encoders": "shared", "bottleneck": False, "stems": "specific", "metric_neck": "before"}, _PLAIN),
        ({"pooling": "gem", "metric_neck": "before"}, LossConfig()),
    ],
)
def test_every_trained_parameter_learns(tiny: ModelConfig, change: dict[str, Any], losses: LossConfig) -> None:
    torch.manual_seed(0)
    model = replace(tiny, **change)
    network = build_network(model, classes=3).train()
    objective = build_objective(RunConfig(model=model, losses=losses))
    result = objective(network(torch.randn(12, 3, 32, 16), _MODALITIES), _LABELS, _MODALITIES)
    torch.autograd.backward(result.total)
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name


def test_the_losses_of_observations_alone_compile_to_one_graph(random_output: MakeOutput) -> None:
    objective, output = _objective(_PLAIN), _observed(random_output())
    compiled = torch.compile(objective, fullgraph=True, backend="eager")
    for given in (output, SharedOutput(output.visible)):
        expected = objective(given, _LABELS, _MODALITIES).total
        torch.testing.assert_close(compiled(given, _LABELS, _MODALITIES).total, expected)


@pytest.mark.parametrize(
    ("model", "losses", "named"),
    [
        (ModelConfig(bottleneck=False), LossConfig(cml_weight=1.0), r"vsd, vcd, vml,"),
        (ModelConfig(encoders="shared"), LossConfig(vml_weight=0, cml_weight=1.0), r"vsd, vcd, cml,"),
        (ModelConfig(encoders="shared", bottleneck=False), replace(_PLAIN, vcd_weight=3.0), r"vcd,.*found 3\.0"),
    ],
)
def test_terms_that_compare_what_is_not_there_are_refused(model: ModelConfig, losses: LossConfig, named: str) -> None:
    with pytest.raises(ConfigError, match=rf"^losses: expected weights of 0 for {named}.*; add --losses\.v"):
        build_objective(RunConfig(model=model, losses=losses))


def test_they_are_refused_before_a_run_begins() -> None:
    config = RunConfig(model=ModelConfig(encoders="shared"), runtime=RuntimeConfig(device="cpu"))
    with pytest.raises(ConfigError, match=r"--losses\.vsd-weight 0 --losses\.vcd-weight 0 --losses\.vml-weight 0$"):
        load_engine(config).check(config)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_has_losses_for_its_network(recipe: str) -> None:
    assert build_objective(RECIPES[recipe]).weights


def _observed(output: MVDOutput) -> MVDOutput:
    return MVDOutput(*(Branch(branch.observation) for branch in output))


def _objective(losses: LossConfig) -> Objective:
    return Objective(loss_terms(losses))
