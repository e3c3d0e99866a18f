"""The released VSD and VCD against golden values, loops, and what their docstrings say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor

from mvd.losses import ReleasedVCD, ReleasedVSD, released_cross_distillation, released_self_distillation
from mvd.models.outputs import MVDOutput

if TYPE_CHECKING:
    from conftest import Golden, MakeOutput, ReadGolden
    from losses.conftest import NameHeads, ReadOutput


@pytest.mark.parametrize("temperature", [1, 3])
def test_vsd_is_what_the_release_computes(
    golden: ReadGolden, read_output: ReadOutput, name_heads: NameHeads, temperature: int
) -> None:
    arrays = golden("loss_vd")
    output = read_output(arrays)
    branches = output.visible, output.infrared
    loss = sum((released_self_distillation(*b.logits, temperature=temperature) for b in branches), torch.zeros(()))
    _check(arrays, f"ascode_T{temperature}/vsd", loss, output, name_heads)


@pytest.mark.parametrize("temperature", [1, 3])
def test_vcd_is_what_the_release_computes_at_any_temperature(
    golden: ReadGolden, read_output: ReadOutput, name_heads: NameHeads, temperature: int
) -> None:
    arrays = golden("loss_vd")
    output = read_output(arrays)
    loss = released_cross_distillation(*output.shared_visible.logits, *output.shared_infrared.logits)
    _check(arrays, f"ascode_T{temperature}/vcd", loss, output, name_heads)


def test_they_are_means_over_batch_and_classes(random_output: MakeOutput) -> None:
    output = random_output()
    (v, z), (w, y) = output.shared_visible.logits, output.shared_infrared.logits
    found = released_cross_distillation(v, z, w, y).item()
    np.testing.assert_allclose(found, (_loop(v, y) + _loop(w, z)) / 2, rtol=1e-12)
    found = released_self_distillation(v, z, temperature=2.0).item()
    np.testing.assert_allclose(found, _loop(v / 2, z / 2), rtol=1e-12)


def test_modules_are_the_functions(random_output: MakeOutput) -> None:
    output = random_output()
    four = *output.shared_visible.logits, *output.shared_infrared.logits
    assert torch.equal(ReleasedVSD(2.0)(*four[:2]), released_self_distillation(*four[:2], temperature=2.0))
    assert torch.equal(ReleasedVCD()(*four), released_cross_distillation(*four))


def test_the_minimum_is_nearly_uniform_however_sure_the_teacher_is() -> None:
    teacher = torch.tensor([[50.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    student = teacher.softmax(dim=1).requires_grad_()
    loss = released_self_distillation(teacher, student)
    (gradient,) = torch.autograd.grad(loss, student)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient))
    assert student.softmax(dim=1).max() < 0.48


def test_their_gradients_are_those_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    v, i, z, w = (torch.randn(3, 4, generator=generator, dtype=torch.float64) for _ in range(4))

    def both(first: Tensor, second: Tensor) -> Tensor:
        return torch.stack([ReleasedVSD(2.0)(v, first), ReleasedVCD()(v, first, i, second)]).sum()

    assert torch.autograd.gradcheck(both, (z.requires_grad_(), w.requires_grad_()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_certain_classes_that_disagree_stay_finite(dtype: torch.dtype) -> None:
    teacher = torch.tensor([[2000.0, -2000.0]], dtype=dtype)
    student = (-teacher).requires_grad_()
    loss = released_cross_distillation(teacher, student, teacher, student)
    (gradient,) = torch.autograd.grad(loss, student)
    assert loss.item() == 0
    assert torch.isfinite(gradient).all()


def _check(arrays: Golden, name: str, loss: Tensor, output: MVDOutput, name_heads: NameHeads) -> None:
    """Compare a loss with a golden, and which logits have a gradient, and what it is."""
    np.testing.assert_allclose(loss.item(), arrays[name], rtol=0, atol=1e-10)
    logits = {f"{head}_logits": prediction.logits for head, prediction in name_heads(output).items()}
    gradients = torch.autograd.grad(loss, list(logits.values()), allow_unused=True)
    for key, gradient in zip(logits, gradients, strict=True):
        assert (gradient is not None) == arrays[f"{name}_has_grad/{key}"], key
        if gradient is not None:
            np.testing.assert_allclose(gradient, arrays[f"{name}_grad/{key}"], rtol=0, atol=1e-10)


def _loop(observation: Tensor, representation: Tensor) -> float:
    p_v, p_z = (logits.detach().softmax(dim=1).numpy() for logits in (observation, representation))
    return float(np.mean([z * (np.log(z) - v) for v, z in zip(p_v.flat, p_z.flat, strict=True)]))
