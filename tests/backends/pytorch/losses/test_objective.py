"""The objective: the released totals, weights, precision, gradients, one graph; and accuracy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from mvd.backends.pytorch.losses.centre import hetero_centre_triplet_loss
from mvd.backends.pytorch.losses.distillation import (
    variational_cross_distillation,
    variational_mutual_learning,
    variational_self_distillation,
)
from mvd.backends.pytorch.losses.identity import identity_loss
from mvd.backends.pytorch.losses.objective import Objective, accuracy
from mvd.backends.pytorch.mvd import MVD
from mvd.backends.pytorch.output import Branch, MVDOutput, Prediction
from mvd.config import LossConfig, ModelConfig
from mvd.errors import ConfigError

if TYPE_CHECKING:
    from backends.pytorch.conftest import Golden, MakeOutput, ReadGolden


Metric = Literal["triplet", "centre"]
_WEIGHTS = {"identity": 1.0, "metric": 0.5, "vsd": 2.0, "vcd": 3.0, "vml": 4.0}
_PASSES = {"visible": "v", "infrared": "i", "shared_visible": "v_ms", "shared_infrared": "i_ms"}
_LABELS = torch.tensor([0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2])
_MODALITIES = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])


@pytest.mark.parametrize(("metric", "name"), [("triplet", "id+tri_ori"), ("centre", "id+tri_center")])
def test_identity_and_metric_are_the_released_total(golden: ReadGolden, metric: Metric, name: str) -> None:
    arrays = golden("loss_total_mvdms")
    output, labels, modalities = _golden_batch(arrays)
    objective = Objective(_config({"identity": 1.0, "metric": 1.0}, metric=metric, smoothing=0.0))
    losses = objective(output, labels, modalities)
    torch.autograd.backward(losses.total)
    np.testing.assert_allclose(losses.terms["identity"].item(), arrays["id"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(losses.total.item(), arrays[name], rtol=0, atol=1e-9)
    for head, prediction in _heads(output).items():
        assert prediction.logits.grad is not None
        assert prediction.features.grad is not None
        np.testing.assert_allclose(prediction.logits.grad, arrays[f"id_grad/{head}_logits"], rtol=0, atol=1e-9)
        np.testing.assert_allclose(prediction.features.grad, arrays[f"{name}_grad/{head}_feat"], rtol=0, atol=1e-9)


def test_accuracy_is_the_mean_over_the_eight_heads(golden: ReadGolden) -> None:
    arrays = golden("loss_total_mvdms")
    output, labels, _ = _golden_batch(arrays)
    np.testing.assert_allclose(accuracy(output, labels).item(), arrays["mean_accuracy"], rtol=1e-6)


def test_the_total_is_the_weighted_sum_of_its_unweighted_terms(random_output: MakeOutput) -> None:
    losses = Objective(_config(_WEIGHTS))(random_output(), _LABELS, _MODALITIES)
    assert list(losses.terms) == list(_WEIGHTS)
    expected = sum(weight * losses.terms[name].item() for name, weight in _WEIGHTS.items())
    np.testing.assert_allclose(losses.total.item(), expected, rtol=1e-12)


def test_each_constant_reaches_its_term(random_output: MakeOutput) -> None:
    output = random_output()
    config = replace(_config(_WEIGHTS), margin=1.7, label_smoothing=0.3, temperature=2.0, specific=0.7, shared=0.2)
    terms = Objective(config)(output, _LABELS, _MODALITIES).terms

    def over_heads(loss: Callable[[Prediction], Tensor]) -> Tensor:
        weighed = [
            (0.2 if field.startswith("shared") else 0.7) * loss(head)
            for field in _PASSES
            for head in getattr(output, field)
        ]
        return torch.stack(weighed).sum().detach()

    views = output.shared_visible, output.shared_infrared
    expected = {
        "identity": over_heads(lambda head: identity_loss(head.logits, _LABELS, smoothing=0.3)),
        "metric": over_heads(lambda head: hetero_centre_triplet_loss(head.features, _LABELS, _MODALITIES, margin=1.7)),
        "vsd": variational_self_distillation(output.visible, output.infrared, temperature=2.0).detach(),
        "vcd": variational_cross_distillation(*views, temperature=2.0).detach(),
        "vml": variational_mutual_learning(*views, temperature=2.0).detach(),
    }
    torch.testing.assert_close(terms, expected)


@pytest.mark.parametrize("metric", ["triplet", "centre"])
def test_on_unit_features_the_metric_loss_does_not_see_lengths(random_output: MakeOutput, metric: Metric) -> None:
    output = random_output()
    longer = _map(output, lambda values: 3 * values)
    unit = _map(output, lambda values: values / values.pow(2).sum(dim=1, keepdim=True).sqrt())
    plain = Objective(_config({"metric": 1.0}, metric=metric))
    on_unit = Objective(replace(_config({"metric": 1.0}, metric=metric), unit_features=True))

    def total(objective: Objective, values: MVDOutput) -> float:
        return objective(values, _LABELS, _MODALITIES).total.item()

    assert total(on_unit, output) == pytest.approx(total(plain, unit))
    assert total(on_unit, longer) == pytest.approx(total(on_unit, output))
    assert total(plain, longer) != pytest.approx(total(plain, output))


@pytest.mark.parametrize("name", _WEIGHTS)
def test_a_term_is_the_same_alone(random_output: MakeOutput, name: str) -> None:
    together = Objective(_config(_WEIGHTS))(random_output(), _LABELS, _MODALITIES)
    alone = Objective(_config({name: 1.0}))(random_output(), _LABELS, _MODALITIES)
    assert list(alone.terms) == [name]
    torch.testing.assert_close(alone.total.detach(), together.terms[name])


def test_a_term_of_weight_zero_is_not_computed(random_output: MakeOutput) -> None:
    output = random_output()
    nowhere = Prediction(torch.full((12, 7), torch.nan), torch.full((12, 5), torch.nan))
    losses = Objective(_config({"vcd": 1.0, "vml": 1.0}))(
        output._replace(visible=Branch(nowhere, nowhere)), _LABELS, _MODALITIES
    )
    assert torch.isfinite(losses.total)


def test_terms_can_be_kept_without_keeping_the_graph(random_output: MakeOutput) -> None:
    losses = Objective(_config(_WEIGHTS))(random_output(), _LABELS, _MODALITIES)
    assert losses.total.requires_grad
    assert not any(value.requires_grad for value in losses.terms.values())


def test_every_weight_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one weight above 0"):
        Objective(_config({}))


@pytest.mark.parametrize("metric", ["triplet", "centre"])
def test_the_order_of_rows_does_not_matter(random_output: MakeOutput, metric: Metric) -> None:
    output, objective = random_output(), Objective(_config(_WEIGHTS, metric=metric))
    order = torch.randperm(12, generator=torch.Generator().manual_seed(5))
    expected = objective(output, _LABELS, _MODALITIES)
    found = objective(_map(output, lambda values: values[order]), _LABELS[order], _MODALITIES[order])
    torch.testing.assert_close(found.total, expected.total)


@pytest.mark.parametrize("metric", ["triplet", "centre"])
def test_losses_of_bfloat16_outputs_are_computed_in_float32(random_output: MakeOutput, metric: Metric) -> None:
    rounded = _map(random_output(), lambda values: values.detach().bfloat16())
    objective = Objective(_config(_WEIGHTS, metric=metric))
    expected = objective(_map(rounded, Tensor.double), _LABELS, _MODALITIES)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = objective(rounded, _LABELS, _MODALITIES)
    assert found.total.dtype == torch.float32
    for name, value in found.terms.items():
        torch.testing.assert_close(value.double(), expected.terms[name], rtol=1e-5, atol=1e-6)


def test_every_trained_parameter_learns(tiny: ModelConfig) -> None:
    torch.manual_seed(0)
    network = MVD(tiny, classes=3)
    losses = Objective(LossConfig())(network(torch.randn(12, 3, 32, 16)), _LABELS, _MODALITIES)
    torch.autograd.backward(losses.total)
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name


def test_some_steps_lower_the_total(tiny: ModelConfig) -> None:
    torch.manual_seed(0)
    network, objective = MVD(tiny, classes=3), Objective(LossConfig())
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    images = torch.randn(12, 3, 32, 16)
    totals = []
    for _ in range(10):
        losses = objective(network(images), _LABELS, _MODALITIES)
        optimizer.zero_grad()
        torch.autograd.backward(losses.total)
        optimizer.step()
        totals.append(losses.total.item())
    assert totals[-1] < 0.8 * totals[0]


@pytest.mark.parametrize("metric", ["triplet", "centre"])
def test_it_compiles_to_one_graph(random_output: MakeOutput, metric: Metric) -> None:
    objective, output = Objective(_config(_WEIGHTS, metric=metric)), random_output()
    compiled = torch.compile(objective, fullgraph=True, backend="eager")
    torch.testing.assert_close(
        compiled(output, _LABELS, _MODALITIES).total, objective(output, _LABELS, _MODALITIES).total
    )


def test_no_shape_depends_on_the_labels(random_output: MakeOutput) -> None:
    # The meta device holds no values: anything that would wait for one fails there.
    output = _map(random_output(), lambda values: values.to("meta"))
    losses = Objective(_config(_WEIGHTS))(output, _LABELS.to("meta"), _MODALITIES.to("meta"))
    assert losses.total.shape == accuracy(output, _LABELS.to("meta")).shape == ()


def _config(weights: dict[str, float], *, metric: Metric = "centre", smoothing: float = 0.1) -> LossConfig:
    """A configuration whose terms have these weights, and the others none."""
    return LossConfig(
        identity_weight=weights.get("identity", 0.0),
        metric_weight=weights.get("metric", 0.0),
        vsd_weight=weights.get("vsd", 0.0),
        vcd_weight=weights.get("vcd", 0.0),
        vml_weight=weights.get("vml", 0.0),
        metric=metric,
        unit_features=False,
        label_smoothing=smoothing,
    )


def _golden_batch(arrays: Golden) -> tuple[MVDOutput, Tensor, Tensor]:
    def head(name: str) -> Prediction:
        features, logits = (torch.from_numpy(arrays[f"{name}_{what}"]).requires_grad_() for what in ("feat", "logits"))
        return Prediction(features, logits)

    output = MVDOutput(**{field: Branch(head(f"{s}_obs"), head(f"{s}_rep")) for field, s in _PASSES.items()})
    labels = torch.from_numpy(arrays["label"])
    return output, labels, (torch.arange(len(labels)) >= len(labels) // 2).long()


def _heads(output: MVDOutput) -> dict[str, Prediction]:
    return {
        f"{short}_{kind}": head
        for field, short in _PASSES.items()
        for kind, head in zip(("obs", "rep"), getattr(output, field), strict=True)
    }


def _map(output: MVDOutput, change: Callable[[Tensor], Tensor]) -> MVDOutput:
    return MVDOutput(*(Branch(*(Prediction(*map(change, head)) for head in branch)) for branch in output))
