"""The objective as either release trained with: every term, the total, and the gradients by all eight heads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
import torch

from mvd.config import LossConfig
from mvd.losses.objective import Objective, loss_terms

if TYPE_CHECKING:
    from conftest import Golden, ReadGolden
    from losses.conftest import NameHeads, ReadOutput

    from mvd.models.outputs import Prediction

# The PyTorch release's names of its terms, and ours, in the order of `weights_ce_triplet_cml_vsd_vcd`.
_TERMS = {"ce": "identity", "triplet": "metric", "cml": "cml", "vsd": "vsd", "vcd": "vcd"}


@pytest.mark.parametrize(("metric", "name"), [("triplet", "id+tri_ori"), ("centre", "id+tri_center")])
def test_the_total_is_that_of_the_mindspore_release(
    golden: ReadGolden,
    read_output: ReadOutput,
    name_heads: NameHeads,
    metric: Literal["triplet", "centre"],
    name: str,
) -> None:
    arrays = golden("loss_total_mvdms")
    output, labels = read_output(arrays), torch.from_numpy(arrays["label"])
    modalities = (torch.arange(len(labels)) >= len(labels) // 2).long()
    config = _config({"identity": 1.0, "metric": 1.0}, metric=metric, unit_features=False, label_smoothing=0.0)
    objective = Objective(loss_terms(config))
    losses = objective(output, labels, modalities)
    torch.autograd.backward(losses.total)
    np.testing.assert_allclose(losses.terms["identity"].item(), arrays["id"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(losses.total.item(), arrays[name], rtol=0, atol=1e-9)
    for head, prediction in name_heads(output).items():
        np.testing.assert_allclose(_gradient(prediction, "logits"), arrays[f"id_grad/{head}_logits"], rtol=0, atol=1e-9)
        np.testing.assert_allclose(
            _gradient(prediction, "features"), arrays[f"{name}_grad/{head}_feat"], rtol=0, atol=1e-9
        )


def test_the_total_is_that_of_the_pytorch_release(
    golden: ReadGolden, read_output: ReadOutput, name_heads: NameHeads
) -> None:
    arrays = golden("loss_total_mvdpt")
    weights = dict(zip(_TERMS.values(), arrays["weights_ce_triplet_cml_vsd_vcd"].tolist(), strict=True))
    output = read_output(arrays)
    losses = _released(weights)(output, *_rows(arrays))
    torch.autograd.backward(losses.total)
    for theirs, ours in _TERMS.items():
        np.testing.assert_allclose(losses.terms[ours].item(), arrays[theirs], rtol=0, atol=1e-8)
    np.testing.assert_allclose(losses.total.item(), arrays["total"], rtol=0, atol=1e-8)
    for head, prediction in name_heads(output).items():
        for field, short in (("logits", "logits"), ("features", "feat")):
            expected = arrays[f"total_grad/{head}_{short}"]
            np.testing.assert_allclose(_gradient(prediction, field), expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", ["ce", "triplet", "cml"])
def test_each_term_teaches_the_heads_that_it_teaches_in_the_pytorch_release(
    golden: ReadGolden, read_output: ReadOutput, name_heads: NameHeads, name: str
) -> None:
    arrays = golden("loss_total_mvdpt")
    output = read_output(arrays)
    torch.autograd.backward(_released({_TERMS[name]: 1.0})(output, *_rows(arrays)).total)
    for head, prediction in name_heads(output).items():
        for field, short in (("logits", "logits"), ("features", "feat")):
            expected = arrays.get(f"{name}_grad/{head}_{short}")
            if expected is None:
                assert getattr(prediction, field).grad is None
            else:
                np.testing.assert_allclose(_gradient(prediction, field), expected, rtol=0, atol=1e-8)


def _config(weights: dict[str, float], **fields: Any) -> LossConfig:
    """A configuration whose terms have these weights, and the others none."""
    terms = {f"{name}_weight": weights.get(name, 0.0) for name in (*_TERMS.values(), "vml")}
    return LossConfig(**{**terms, **fields})


def _released(weights: dict[str, float]) -> Objective:
    return Objective(loss_terms(_config(weights, metric="rank", distillation="released")))


def _rows(arrays: Golden) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(arrays["label"]), torch.from_numpy(arrays["sub"])


def _gradient(prediction: Prediction, field: str) -> torch.Tensor:
    gradient = getattr(prediction, field).grad
    assert gradient is not None
    return torch.as_tensor(gradient)
