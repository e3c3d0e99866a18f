"""The objective: weights, constants, precision, gradients, one graph; and accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from losses.objectives import (
    LABELS,
    METRICS,
    MODALITIES,
    WEIGHTS,
    Metric,
    loss_config,
    make_objective,
    map_output,
    over_heads,
)
from torch import Tensor

from mvd.config import LossConfig, ModelConfig
from mvd.losses import (
    Objective,
    Term,
    accuracy,
    conventional_mutual_learning,
    hetero_centre_triplet_loss,
    identity_loss,
    rank_loss,
    released_cross_distillation,
    released_self_distillation,
    variational_cross_distillation,
    variational_mutual_learning,
    variational_self_distillation,
    weighted_triplet_loss,
)
from mvd.models.mvd import MVD
from mvd.models.outputs import Branch, MVDOutput, Prediction

if TYPE_CHECKING:
    from conftest import MakeOutput, ReadGolden
    from losses.conftest import ReadOutput


def test_accuracy_is_the_mean_over_the_eight_heads(golden: ReadGolden, read_output: ReadOutput) -> None:
    arrays = golden("loss_total_mvdms")
    hits = accuracy(read_output(arrays), torch.from_numpy(arrays["label"]))
    np.testing.assert_allclose(hits.item(), arrays["mean_accuracy"], rtol=1e-6)


def test_the_total_is_the_weighted_sum_of_its_unweighted_terms(random_output: MakeOutput) -> None:
    losses = make_objective(loss_config(WEIGHTS))(random_output(), LABELS, MODALITIES)
    assert list(losses.terms) == list(WEIGHTS)
    expected = sum(weight * losses.terms[name].item() for name, weight in WEIGHTS.items())
    np.testing.assert_allclose(losses.total.item(), expected, rtol=1e-12)


def test_each_constant_reaches_its_term(random_output: MakeOutput) -> None:
    output = random_output()
    config = loss_config(
        WEIGHTS,
        margin=1.7,
        label_smoothing=0.3,
        temperature=2.0,
        cml_eps=0.5,
        cml_iterations=3,
        specific=0.7,
        shared=0.2,
    )
    terms = make_objective(config)(output, LABELS, MODALITIES).terms
    views = *output.shared_visible.logits, *output.shared_infrared.logits
    specific = output.visible.logits, output.infrared.logits
    expected = {
        "identity": over_heads(output, lambda head: identity_loss(head.logits, LABELS, smoothing=0.3)),
        "metric": over_heads(
            output, lambda head: hetero_centre_triplet_loss(head.features, LABELS, MODALITIES, margin=1.7)
        ),
        "vsd": torch.stack([variational_self_distillation(*pair, temperature=2.0) for pair in specific]).sum(),
        "vcd": variational_cross_distillation(*views, temperature=2.0),
        "vml": variational_mutual_learning(views[1], views[3], temperature=2.0),
        "cml": conventional_mutual_learning(specific[0][0], specific[1][0], eps=0.5, iterations=3),
    }
    torch.testing.assert_close(terms, {name: value.detach() for name, value in expected.items()})


def test_the_rank_loss_gets_its_own_constants(random_output: MakeOutput) -> None:
    output = random_output()
    config = loss_config(
        {"metric": 1.0}, metric="rank", rank_margins=(0.1, 0.2), rank_alphas=(3.0, 4.0), rank_temperature=2
    )
    expected = over_heads(
        output,
        lambda head: rank_loss(
            head.features, LABELS, MODALITIES, margins=(0.1, 0.2), alphas=(3.0, 4.0), temperature=2.0
        ),
        specific=0.5,
        shared=0.25,
    )
    torch.testing.assert_close(make_objective(config)(output, LABELS, MODALITIES).total, expected)


def test_the_weighted_triplet_has_no_constants(random_output: MakeOutput) -> None:
    output = random_output()
    config = loss_config({"metric": 1.0}, metric="wrt", margin=5.0)
    expected = over_heads(output, lambda head: weighted_triplet_loss(head.features, LABELS), specific=0.5, shared=0.25)
    torch.testing.assert_close(make_objective(config)(output, LABELS, MODALITIES).total, expected)


def test_the_released_distillation_has_a_temperature_in_vsd_only(random_output: MakeOutput) -> None:
    output = random_output()
    config = loss_config({"vsd": 1.0, "vcd": 1.0}, distillation="released", temperature=2.0)
    vsd = [released_self_distillation(*branch.logits, temperature=2.0) for branch in (output.visible, output.infrared)]
    expected = {
        "vsd": torch.stack(vsd).sum().detach(),
        "vcd": released_cross_distillation(*output.shared_visible.logits, *output.shared_infrared.logits).detach(),
    }
    torch.testing.assert_close(make_objective(config)(output, LABELS, MODALITIES).terms, expected)


@pytest.mark.parametrize("metric", METRICS)
def test_on_unit_features_the_metric_loss_does_not_see_lengths(random_output: MakeOutput, metric: Metric) -> None:
    output = random_output()
    longer = map_output(output, lambda values: 3 * values)
    unit = map_output(output, lambda values: values / values.pow(2).sum(dim=1, keepdim=True).sqrt())
    plain = make_objective(loss_config({"metric": 1.0}, metric=metric))
    on_unit = make_objective(loss_config({"metric": 1.0}, metric=metric, unit_features=True))

    def total(objective: Objective, values: MVDOutput) -> float:
        return objective(values, LABELS, MODALITIES).total.item()

    assert total(on_unit, output) == pytest.approx(total(plain, unit))
    assert total(on_unit, longer) == pytest.approx(total(on_unit, output))
    assert total(plain, longer) != pytest.approx(total(plain, output))


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_term_is_the_same_alone(random_output: MakeOutput, name: str) -> None:
    together = make_objective(loss_config(WEIGHTS))(random_output(), LABELS, MODALITIES)
    alone = make_objective(loss_config({name: 1.0}))(random_output(), LABELS, MODALITIES)
    assert list(alone.terms) == [name]
    torch.testing.assert_close(alone.total.detach(), together.terms[name])


def test_a_term_of_weight_zero_is_not_computed(random_output: MakeOutput) -> None:
    output = random_output()
    nowhere = Prediction(torch.full((12, 7), torch.nan), torch.full((12, 5), torch.nan))
    losses = make_objective(loss_config({"vcd": 1.0, "vml": 1.0}))(
        output._replace(visible=Branch(nowhere, nowhere)), LABELS, MODALITIES
    )
    assert torch.isfinite(losses.total)


def test_terms_can_be_kept_without_keeping_the_graph(random_output: MakeOutput) -> None:
    losses = make_objective(loss_config(WEIGHTS))(random_output(), LABELS, MODALITIES)
    assert losses.total.requires_grad
    assert not any(value.requires_grad for value in losses.terms.values())


def test_a_term_of_ones_own_is_weighed_logged_and_differentiated(random_output: MakeOutput) -> None:
    def spread(outputs: MVDOutput, labels: Tensor, modalities: Tensor) -> Tensor:
        assert not torch.is_autocast_enabled("cpu")
        return outputs.visible.observation.features.var(dim=0).mean() + (labels * modalities).float().mean()

    output = random_output()
    objective = Objective([Term("spread", spread, 0.5)])
    objective.add("length", lambda outputs, labels, modalities: outputs.visible.observation.features.norm(), 2.0)
    objective.add("nothing", lambda outputs, labels, modalities: pytest.fail("weight 0"), 0.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = objective(output, LABELS, MODALITIES)
    assert list(losses.terms) == ["spread", "length"]
    np.testing.assert_allclose(losses.total.item(), 0.5 * losses.terms["spread"] + 2 * losses.terms["length"])
    torch.autograd.backward(losses.total)
    assert output.visible.observation.features.grad is not None


@pytest.mark.parametrize("metric", METRICS)
def test_the_order_of_rows_does_not_matter(random_output: MakeOutput, metric: Metric) -> None:
    output, objective = random_output(), make_objective(loss_config(WEIGHTS, metric=metric))
    order = torch.randperm(12, generator=torch.Generator().manual_seed(5))
    expected = objective(output, LABELS, MODALITIES)
    found = objective(map_output(output, lambda values: values[order]), LABELS[order], MODALITIES[order])
    torch.testing.assert_close(found.total, expected.total)


def test_every_trained_parameter_learns(tiny: ModelConfig) -> None:
    torch.manual_seed(0)
    network = MVD(tiny, classes=3)
    losses = make_objective(LossConfig())(network(torch.randn(12, 3, 32, 16)), LABELS, MODALITIES)
    torch.autograd.backward(losses.total)
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name


def test_some_steps_lower_the_total(tiny: ModelConfig) -> None:
    torch.manual_seed(0)
    network, objective = MVD(tiny, classes=3), make_objective(LossConfig())
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    images = torch.randn(12, 3, 32, 16)
    totals = []
    for _ in range(10):
        losses = objective(network(images), LABELS, MODALITIES)
        optimizer.zero_grad()
        torch.autograd.backward(losses.total)
        optimizer.step()
        totals.append(losses.total.item())
    assert totals[-1] < 0.8 * totals[0]
