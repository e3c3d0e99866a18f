"""The objective at its limits: what is refused, half-empty batches, bfloat16, compiling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from losses.objectives import (
    LABELS,
    METRICS,
    MODALITIES,
    WEIGHTS,
    Metric,
    differentiate,
    loss_config,
    make_objective,
    map_output,
)
from torch import Tensor

from mvd.config import LossConfig, ModelConfig
from mvd.errors import ConfigError
from mvd.losses import (
    Objective,
    Term,
    accuracy,
)
from mvd.models.mvd import MVD

if TYPE_CHECKING:
    from conftest import MakeOutput


def test_every_weight_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one weight above 0"):
        make_objective(loss_config({}))


@pytest.mark.parametrize(("name", "weight"), [("vsd", 1.0), ("new", -1.0), ("new", float("nan"))])
def test_a_taken_name_or_a_negative_weight_is_refused(name: str, weight: float) -> None:
    with pytest.raises(ConfigError, match=rf"expected a new name and a weight of 0 or more, found '{name}'"):
        make_objective(LossConfig()).add(name, lambda *_: torch.zeros(()), weight)


@pytest.mark.parametrize(("value", "found"), [(torch.zeros(3), r"shape \(3,\)"), (1.0, "float")])
def test_a_loss_that_is_no_scalar_is_refused_by_name(random_output: MakeOutput, value: Any, found: str) -> None:
    objective = Objective([Term("mine", lambda *_: value)])
    with pytest.raises(ConfigError, match=rf"expected a scalar tensor from mine, found {found}"):
        objective(random_output(), LABELS, MODALITIES)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("people", [1, 12])
def test_half_empty_batches_have_finite_gradients(random_output: MakeOutput, metric: Metric, people: int) -> None:
    output = random_output(classes=12)
    labels, modalities = torch.arange(12) % people, torch.zeros(12, dtype=torch.int64)
    losses = differentiate(make_objective(loss_config(WEIGHTS, metric=metric)), output, labels, modalities)
    assert torch.isfinite(losses.total)
    for head in output.predictions:
        for values in head:
            assert values.grad is not None
            assert torch.isfinite(values.grad).all()


@pytest.mark.parametrize("metric", METRICS)
def test_losses_of_bfloat16_outputs_are_computed_in_float32(random_output: MakeOutput, metric: Metric) -> None:
    rounded = map_output(random_output(), lambda values: values.detach().bfloat16())
    objective = make_objective(loss_config(WEIGHTS, metric=metric))
    expected = objective(map_output(rounded, Tensor.double), LABELS, MODALITIES)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = objective(rounded, LABELS, MODALITIES)
    assert found.total.dtype == torch.float32
    for name, value in found.terms.items():
        torch.testing.assert_close(value.double(), expected.terms[name], rtol=1e-5, atol=1e-6)


def test_embeddings_are_refused(tiny: ModelConfig) -> None:
    embeddings = MVD(tiny, classes=3).eval()(torch.randn(12, 3, 32, 16))
    with pytest.raises(ConfigError, match=r"expected a network's outputs, found embeddings; call network\.train\(\)"):
        make_objective(LossConfig())(embeddings, LABELS, MODALITIES)


# Tracing a function with a gradient of its own, torch makes an instance of a class of torch's, which torch warns of.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize("metric", METRICS)
def test_it_compiles_to_one_graph(random_output: MakeOutput, metric: Metric) -> None:
    objective, output = make_objective(loss_config(WEIGHTS, metric=metric, cml_iterations=5)), random_output()
    compiled = torch.compile(objective, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(output, LABELS, MODALITIES).total, objective(output, LABELS, MODALITIES).total)


@pytest.mark.parametrize(
    ("metric", "distillation"), [*((metric, "paper") for metric in METRICS), ("centre", "released")]
)
def test_nothing_waits_for_a_value(random_output: MakeOutput, metric: Metric, distillation: str) -> None:
    # The meta device holds no values: anything that would wait for one, or make a shape of it, fails there.
    output = map_output(random_output(), lambda values: values.detach().to("meta").requires_grad_())
    objective = make_objective(loss_config(WEIGHTS, metric=metric, distillation=distillation))
    losses = differentiate(objective, output, LABELS.to("meta"), MODALITIES.to("meta"))
    assert losses.total.shape == accuracy(output, LABELS.to("meta")).shape == ()


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
