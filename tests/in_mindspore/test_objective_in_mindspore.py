"""Every term of the objective in MindSpore against PyTorch, in both modes, and against the golden vectors, in float64.

MindSpore rounds a number such as a margin to float32 before it meets a float64 tensor, so eight digits are equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import mindspore
import numpy as np
import numpy.typing as npt
import pytest
import torch
from parity import as_array

from mvd import losses
from mvd.config import LossConfig, RunConfig
from mvd.config.recipes import BASELINE
from mvd.errors import ConfigError
from mvd.mindspore.losses import Objective, accuracy, build_objective
from mvd.mindspore.models.outputs import with_names, without_names
from mvd.models.outputs import MVDOutput, tensors_of

if TYPE_CHECKING:
    from conftest import Golden, MakeOutput, ReadGolden

pytestmark = pytest.mark.mindspore

Array = npt.NDArray[Any]

_WEIGHTS = {"identity": 1.0, "metric": 0.7, "vsd": 2.0, "vcd": 1.5, "vml": 1.1, "cml": 8.0}
_TERMS = {"ce": "identity", "triplet": "metric", "cml": "cml", "vsd": "vsd", "vcd": "vcd"}
_HEADS = [f"{short}_{kind}" for short in ("v", "i", "v_ms", "i_ms") for kind in ("obs", "rep")]


def differentiate(
    config: LossConfig, heads: list[Array], labels: Array, modalities: Array
) -> tuple[float, dict[str, float], list[Array]]:
    """Compute total, terms and the gradients by features and logits of the eight heads."""
    objective = Objective(config)

    def forward(*tensors: Any) -> Any:
        head = [(tensors[2 * k], tensors[2 * k + 1]) for k in range(8)]
        output = ((head[0], head[1]), (head[2], head[3]), (head[4], head[5]), (head[6], head[7]))
        total, terms = objective(output, tensors[16], tensors[17])
        return total, terms

    compute = mindspore.value_and_grad(forward, tuple(range(16)), has_aux=True)
    inputs = [mindspore.Tensor(array) for array in (*heads, labels, modalities)]
    (total, terms), gradients = compute(*inputs)
    values = {name: float(as_array(value)) for name, value in terms.items()}
    return float(as_array(total)), values, [as_array(gradient) for gradient in gradients]


@pytest.mark.usefixtures("graph")
@pytest.mark.parametrize(
    "fields",
    [
        {"metric": "triplet"},
        {"metric": "centre", "unit_features": False, "label_smoothing": 0.0},
        {"metric": "wrt", "temperature": 3.0, "specific": 0.3},
        {"metric": "rank", "distillation": "released", "temperature": 3.0, "rank_temperature": 0.5},
    ],
    ids=lambda fields: fields["metric"],
)
def test_it_is_the_objective_of_pytorch(random_output: MakeOutput, fields: dict[str, Any]) -> None:
    config = only(_WEIGHTS, **fields)
    output = random_output(scale=2.0)
    labels, modalities = np.array([0, 0, 1, 1, 3, 3] * 2), np.repeat([0, 1], 6)
    reference = losses.Objective(losses.loss_terms(config))
    expected = reference(output, torch.from_numpy(labels), torch.from_numpy(modalities))
    tensors = tensors_of(output)
    expected_gradients = torch.autograd.grad(expected.total, tensors)
    arrays = [tensor.detach().numpy() for tensor in tensors]
    total, terms, gradients = differentiate(config, arrays, labels, modalities)
    assert total == pytest.approx(expected.total.item(), rel=1e-7)
    assert terms == pytest.approx({name: value.item() for name, value in expected.terms.items()}, rel=1e-7, abs=1e-10)
    for found, gradient in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(found, gradient.numpy(), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("metric", "name"), [("triplet", "id+tri_ori"), ("centre", "id+tri_center")])
def test_the_total_is_that_of_the_mindspore_release(
    golden: ReadGolden, metric: Literal["triplet", "centre"], name: str
) -> None:
    arrays = golden("loss_total_mvdms")
    labels = arrays["label"].astype(np.int64)
    modalities = (np.arange(len(labels)) >= len(labels) // 2).astype(np.int64)
    config = only({"identity": 1.0, "metric": 1.0}, metric=metric, unit_features=False, label_smoothing=0.0)
    total, terms, gradients = differentiate(config, heads_of(arrays), labels, modalities)
    assert terms["identity"] == pytest.approx(float(arrays["id"]), rel=1e-7)
    assert total == pytest.approx(float(arrays[name]), rel=1e-7)
    for k, head in enumerate(_HEADS):
        np.testing.assert_allclose(gradients[2 * k], arrays[f"{name}_grad/{head}_feat"], rtol=0, atol=1e-8)
        np.testing.assert_allclose(gradients[2 * k + 1], arrays[f"id_grad/{head}_logits"], rtol=0, atol=1e-8)


def test_the_total_is_that_of_the_pytorch_release(golden: ReadGolden) -> None:
    arrays = golden("loss_total_mvdpt")
    weights = dict(zip(_TERMS.values(), arrays["weights_ce_triplet_cml_vsd_vcd"].tolist(), strict=True))
    config = only(weights, metric="rank", distillation="released")
    rows = arrays["label"].astype(np.int64), arrays["sub"].astype(np.int64)
    total, terms, gradients = differentiate(config, heads_of(arrays), *rows)
    for theirs, ours in _TERMS.items():
        assert terms[ours] == pytest.approx(float(arrays[theirs]), rel=1e-7)
    assert total == pytest.approx(float(arrays["total"]), rel=1e-7)
    for k, head in enumerate(_HEADS):
        for gradient, short in zip(gradients[2 * k : 2 * k + 2], ("feat", "logits"), strict=True):
            np.testing.assert_allclose(gradient, arrays[f"total_grad/{head}_{short}"], rtol=0, atol=1e-8)


def test_outputs_have_names_outside_a_graph(random_output: MakeOutput) -> None:
    named = random_output()
    plain = without_names(named)
    assert with_names(plain) == named
    assert type(plain[0][0]) is tuple
    assert type(with_names(plain)) is MVDOutput


def test_accuracy_is_that_of_pytorch(random_output: MakeOutput) -> None:
    output = random_output()
    labels = np.arange(12) % 5
    plain = tuple(
        tuple(tuple(mindspore.Tensor(tensor.detach().numpy()) for tensor in head) for head in branch)
        for branch in without_names(output)
    )
    found = accuracy(with_names(plain), mindspore.Tensor(labels))
    assert float(as_array(found)) == pytest.approx(float(losses.accuracy(output, torch.from_numpy(labels))))


def test_what_cannot_be_computed_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"losses\.extra: expected none with framework mindspore, found mine=a\.py:b"):
        Objective(LossConfig(extra=("mine=a.py:b",)))
    with pytest.raises(ConfigError, match=r"losses\.metric: expected another one with framework mindspore"):
        Objective(LossConfig(metric="quadruple"))
    with pytest.raises(ConfigError, match=r"losses\.contrastive_weight: expected 0 with framework mindspore"):
        Objective(LossConfig(contrastive_weight=1.0))
    with pytest.raises(ConfigError, match=r"losses\.soft_margin: expected False with framework mindspore"):
        Objective(LossConfig(soft_margin=True))
    with pytest.raises(ConfigError, match="at least one weight above 0"):
        Objective(only({}))
    with pytest.raises(ConfigError, match="weights of 0 for vsd, vcd, vml"):
        build_objective(RunConfig(model=BASELINE.model))
    with pytest.raises(ConfigError, match=r"call network\.set_train\(True\)"):
        Objective(LossConfig())(mindspore.Tensor(np.zeros((2, 3))), None, None)


def only(weights: dict[str, float], **fields: Any) -> LossConfig:
    """A configuration whose terms have these weights, and the others none."""
    terms = {f"{name}_weight": weights.get(name, 0.0) for name in _WEIGHTS}
    return LossConfig(**{**terms, **fields})


def heads_of(arrays: Golden) -> list[Array]:
    """Features and logits of the eight heads of a golden file."""
    return [arrays[f"{head}_{short}"] for head in _HEADS for short in ("feat", "logits")]
