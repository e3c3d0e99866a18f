"""The objective: weights, constants, precision, gradients, one graph; and accuracy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from mvd.config import LossConfig, ModelConfig
from mvd.errors import ConfigError
from mvd.losses import (
    Losses,
    Objective,
    Term,
    accuracy,
    conventional_mutual_learning,
    hetero_centre_triplet_loss,
    identity_loss,
    loss_terms,
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

Metric = Literal["triplet", "centre", "wrt", "rank"]
_METRICS: tuple[Metric, ...] = ("triplet", "centre", "wrt", "rank")
_WEIGHTS = {"identity": 1.0, "metric": 0.5, "vsd": 2.0, "vcd": 3.0, "vml": 4.0, "cml": 5.0}
_LABELS = torch.tensor([0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2])
_MODALITIES = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])


def test_accuracy_is_the_mean_over_the_eight_heads(golden: ReadGolden, read_output: ReadOutput) -> None:
    arrays = golden("loss_total_mvdms")
    hits = accuracy(read_output(arrays), torch.from_numpy(arrays["label"]))
    np.testing.assert_allclose(hits.item(), arrays["mean_accuracy"], rtol=1e-6)


def test_the_total_is_the_weighted_sum_of_its_unweighted_terms(random_output: MakeOutput) -> None:
    losses = _objective(_config(_WEIGHTS))(random_output(), _LABELS, _MODALITIES)
    assert list(losses.terms) == list(_WEIGHTS)
    expected = sum(weight * losses.terms[name].item() for name, weight in _WEIGHTS.items())
    np.testing.assert_allclose(losses.total.item(), expected, rtol=1e-12)


def test_each_constant_reaches_its_term(random_output: MakeOutput) -> None:
    output = random_output()
    config = _config(
        _WEIGHTS,
        margin=1.7,
        label_smoothing=0.3,
        temperature=2.0,
        cml_eps=0.5,
        cml_iterations=3,
        specific=0.7,
        shared=0.2,
    )
    terms = _objective(config)(output, _LABELS, _MODALITIES).terms
    views = *output.shared_visible.logits, *output.shared_infrared.logits
    specific = output.visible.logits, output.infrared.logits
    expected = {
        "identity": _over_heads(output, lambda head: identity_loss(head.logits, _LABELS, smoothing=0.3)),
        "metric": _over_heads(
            output, lambda head: hetero_centre_triplet_loss(head.features, _LABELS, _MODALITIES, margin=1.7)
        ),
        "vsd": torch.stack([variational_self_distillation(*pair, temperature=2.0) for pair in specific]).sum(),
        "vcd": variational_cross_distillation(*views, temperature=2.0),
        "vml": variational_mutual_learning(views[1], views[3], temperature=2.0),
        "cml": conventional_mutual_learning(specific[0][0], specific[1][0], eps=0.5, iterations=3),
    }
    torch.testing.assert_close(terms, {name: value.detach() for name, value in expected.items()})


def test_the_rank_loss_gets_its_own_constants(random_output: MakeOutput) -> None:
    output = random_output()
    config = _config(
        {"metric": 1.0}, metric="rank", rank_margins=(0.1, 0.2), rank_alphas=(3.0, 4.0), rank_temperature=2
    )
    expected = _over_heads(
        output,
        lambda head: rank_loss(
            head.features, _LABELS, _MODALITIES, margins=(0.1, 0.2), alphas=(3.0, 4.0), temperature=2.0
        ),
        specific=0.5,
        shared=0.25,
    )
    torch.testing.assert_close(_objective(config)(output, _LABELS, _MODALITIES).total, expected)


def test_the_weighted_triplet_has_no_constants(random_output: MakeOutput) -> None:
    output = random_output()
    config = _config({"metric": 1.0}, metric="wrt", margin=5.0)
    expected = _over_heads(
        output, lambda head: weighted_triplet_loss(head.features, _LABELS), specific=0.5, shared=0.25
    )
    torch.testing.assert_close(_objective(config)(output, _LABELS, _MODALITIES).total, expected)


def test_the_released_distillation_has_a_temperature_in_vsd_only(random_output: MakeOutput) -> None:
    output = random_output()
    config = _config({"vsd": 1.0, "vcd": 1.0}, distillation="released", temperature=2.0)
    vsd = [released_self_distillation(*branch.logits, temperature=2.0) for branch in (output.visible, output.infrared)]
    expected = {
        "vsd": torch.stack(vsd).sum().detach(),
        "vcd": released_cross_distillation(*output.shared_visible.logits, *output.shared_infrared.logits).detach(),
    }
    torch.testing.assert_close(_objective(config)(output, _LABELS, _MODALITIES).terms, expected)


@pytest.mark.parametrize("metric", _METRICS)
def test_on_unit_features_the_metric_loss_does_not_see_lengths(random_output: MakeOutput, metric: Metric) -> None:
    output = random_output()
    longer = _map(output, lambda values: 3 * values)
    unit = _map(output, lambda values: values / values.pow(2).sum(dim=1, keepdim=True).sqrt())
    plain = _objective(_config({"metric": 1.0}, metric=metric))
    on_unit = _objective(_config({"metric": 1.0}, metric=metric, unit_features=True))

    def total(objective: Objective, values: MVDOutput) -> float:
        return objective(values, _LABELS, _MODALITIES).total.item()

    assert total(on_unit, output) == pytest.approx(total(plain, unit))
    assert total(on_unit, longer) == pytest.approx(total(on_unit, output))
    assert total(plain, longer) != pytest.approx(total(plain, output))


@pytest.mark.parametrize("name", _WEIGHTS)
def test_a_term_is_the_same_alone(random_output: MakeOutput, name: str) -> None:
    together = _objective(_config(_WEIGHTS))(random_output(), _LABELS, _MODALITIES)
    alone = _objective(_config({name: 1.0}))(random_output(), _LABELS, _MODALITIES)
    assert list(alone.terms) == [name]
    torch.testing.assert_close(alone.total.detach(), together.terms[name])


def test_a_term_of_weight_zero_is_not_computed(random_output: MakeOutput) -> None:
    output = random_output()
    nowhere = Prediction(torch.full((12, 7), torch.nan), torch.full((12, 5), torch.nan))
    losses = _objective(_config({"vcd": 1.0, "vml": 1.0}))(
        output._replace(visible=Branch(nowhere, nowhere)), _LABELS, _MODALITIES
    )
    assert torch.isfinite(losses.total)


def test_terms_can_be_kept_without_keeping_the_graph(random_output: MakeOutput) -> None:
    losses = _objective(_config(_WEIGHTS))(random_output(), _LABELS, _MODALITIES)
    assert losses.total.requires_grad
    assert not any(value.requires_grad for value in losses.terms.values())


def test_every_weight_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one weight above 0"):
        _objective(_config({}))


def test_a_term_of_ones_own_is_weighed_logged_and_differentiated(random_output: MakeOutput) -> None:
    def spread(outputs: MVDOutput, labels: Tensor, modalities: Tensor) -> Tensor:
        assert not torch.is_autocast_enabled("cpu")
        return outputs.visible.observation.features.var(dim=0).mean() + (labels * modalities).float().mean()

    output = random_output()
    objective = Objective([Term("spread", spread, 0.5)])
    objective.add("length", lambda outputs, labels, modalities: outputs.visible.observation.features.norm(), 2.0)
    objective.add("nothing", lambda outputs, labels, modalities: pytest.fail("weight 0"), 0.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = objective(output, _LABELS, _MODALITIES)
    assert list(losses.terms) == ["spread", "length"]
    np.testing.assert_allclose(losses.total.item(), 0.5 * losses.terms["spread"] + 2 * losses.terms["length"])
    torch.autograd.backward(losses.total)
    assert output.visible.observation.features.grad is not None


@pytest.mark.parametrize(("name", "weight"), [("vsd", 1.0), ("new", -1.0), ("new", float("nan"))])
def test_a_taken_name_or_a_negative_weight_is_refused(name: str, weight: float) -> None:
    with pytest.raises(ConfigError, match=rf"expected a new name and a weight of 0 or more, found '{name}'"):
        _objective(LossConfig()).add(name, lambda *_: torch.zeros(()), weight)


@pytest.mark.parametrize(("value", "found"), [(torch.zeros(3), r"shape \(3,\)"), (1.0, "float")])
def test_a_loss_that_is_no_scalar_is_refused_by_name(random_output: MakeOutput, value: Any, found: str) -> None:
    objective = Objective([Term("mine", lambda *_: value)])
    with pytest.raises(ConfigError, match=rf"expected a scalar tensor from mine, found {found}"):
        objective(random_output(), _LABELS, _MODALITIES)


@pytest.mark.parametrize("metric", _METRICS)
def test_the_order_of_rows_does_not_matter(random_output: MakeOutput, metric: Metric) -> None:
    output, objective = random_output(), _objective(_config(_WEIGHTS, metric=metric))
    order = torch.randperm(12, generator=torch.Generator().manual_seed(5))
    expected = objective(output, _LABELS, _MODALITIES)
    found = objective(_map(output, lambda values: values[order]), _LABELS[order], _MODALITIES[order])
    torch.testing.assert_close(found.total, expected.total)


@pytest.mark.parametrize("metric", _METRICS)
@pytest.mark.parametrize("people", [1, 12])
def test_half_empty_batches_have_finite_gradients(random_output: MakeOutput, metric: Metric, people: int) -> None:
    output = random_output(classes=12)
    labels, modalities = torch.arange(12) % people, torch.zeros(12, dtype=torch.int64)
    losses = _differentiate(_objective(_config(_WEIGHTS, metric=metric)), output, labels, modalities)
    assert torch.isfinite(losses.total)
    for head in output.predictions:
        for values in head:
            assert values.grad is not None
            assert torch.isfinite(values.grad).all()


@pytest.mark.parametrize("metric", _METRICS)
def test_losses_of_bfloat16_outputs_are_computed_in_float32(random_output: MakeOutput, metric: Metric) -> None:
    rounded = _map(random_output(), lambda values: values.detach().bfloat16())
    objective = _objective(_config(_WEIGHTS, metric=metric))
    expected = objective(_map(rounded, Tensor.double), _LABELS, _MODALITIES)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = objective(rounded, _LABELS, _MODALITIES)
    assert found.total.dtype == torch.float32
    for name, value in found.terms.items():
        torch.testing.assert_close(value.double(), expected.terms[name], rtol=1e-5, atol=1e-6)


def test_embeddings_are_refused(tiny: ModelConfig) -> None:
    embeddings = MVD(tiny, classes=3).eval()(torch.randn(12, 3, 32, 16))
    with pytest.raises(ConfigError, match=r"expected a network's outputs, found embeddings; call network\.train\(\)"):
        _objective(LossConfig())(embeddings, _LABELS, _MODALITIES)


def test_every_trained_parameter_learns(tiny: ModelConfig) -> None:
    torch.manual_seed(0)
    network = MVD(tiny, classes=3)
    losses = _objective(LossConfig())(network(torch.randn(12, 3, 32, 16)), _LABELS, _MODALITIES)
    torch.autograd.backward(losses.total)
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name


def test_some_steps_lower_the_total(tiny: ModelConfig) -> None:
    torch.manual_seed(0)
    network, objective = MVD(tiny, classes=3), _objective(LossConfig())
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


# Tracing a function with a gradient of its own, torch makes an instance of a class of torch's, which torch warns of.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize("metric", _METRICS)
def test_it_compiles_to_one_graph(random_output: MakeOutput, metric: Metric) -> None:
    objective, output = _objective(_config(_WEIGHTS, metric=metric, cml_iterations=5)), random_output()
    compiled = torch.compile(objective, fullgraph=True, backend="eager")
    torch.testing.assert_close(
        compiled(output, _LABELS, _MODALITIES).total, objective(output, _LABELS, _MODALITIES).total
    )


@pytest.mark.parametrize("metric", _METRICS)
@pytest.mark.parametrize("distillation", ["paper", "released"])
def test_nothing_waits_for_a_value(random_output: MakeOutput, metric: Metric, distillation: str) -> None:
    # The meta device holds no values: anything that would wait for one, or make a shape of it, fails there.
    output = _map(random_output(), lambda values: values.detach().to("meta").requires_grad_())
    objective = _objective(_config(_WEIGHTS, metric=metric, distillation=distillation))
    losses = _differentiate(objective, output, _LABELS.to("meta"), _MODALITIES.to("meta"))
    assert losses.total.shape == accuracy(output, _LABELS.to("meta")).shape == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"cml_weight": -1.0},
        {"rank_margins": (0.9, -1.0)},
        {"rank_alphas": (0.0, 2.0)},
        {"rank_temperature": -1.0},
        {"cml_eps": 0.0},
        {"cml_iterations": 0},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_constants_out_of_range_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=rf"^losses\.{next(iter(wrong))}: expected .*, found "):
        LossConfig(**wrong)


def _objective(config: LossConfig) -> Objective:
    return Objective(loss_terms(config))


def _config(weights: dict[str, float], **fields: Any) -> LossConfig:
    """A configuration whose terms have these weights, and the others none."""
    terms = {f"{name}_weight": weights.get(name, 0.0) for name in _WEIGHTS}
    return LossConfig(**{"unit_features": False, **terms, **fields})


def _over_heads(
    output: MVDOutput, loss: Callable[[Prediction], Tensor], *, specific: float = 0.7, shared: float = 0.2
) -> Tensor:
    weighed = [
        (shared if field.startswith("shared") else specific) * loss(head)
        for field, branch in output._asdict().items()
        for head in branch.heads
    ]
    return torch.stack(weighed).sum()


def _differentiate(objective: Objective, output: MVDOutput, labels: Tensor, modalities: Tensor) -> Losses:
    losses = objective(output, labels, modalities)
    torch.autograd.backward(losses.total)
    return losses


def _map(output: MVDOutput, change: Callable[[Tensor], Tensor]) -> MVDOutput:
    def mapped(head: Prediction | None) -> Prediction | None:
        return None if head is None else Prediction(*map(change, head))

    branches = [(mapped(branch.observation), mapped(branch.representation)) for branch in output]
    return MVDOutput(*(Branch(observation, rest) for observation, rest in branches if observation is not None))
