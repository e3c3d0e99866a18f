"""The distillation terms against golden values, slow float64 code, and what they promise about gradients."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from mvd.losses import (
    VCD,
    VML,
    VSD,
    variational_cross_distillation,
    variational_mutual_learning,
    variational_self_distillation,
)
from mvd.models.outputs import MVDOutput

if TYPE_CHECKING:
    from conftest import Golden, MakeOutput, ReadGolden
    from losses.conftest import NameHeads, ReadOutput


@pytest.mark.parametrize("temperature", [1, 3])
def test_vsd_is_the_divergence_of_the_paper(
    golden: ReadGolden, read_output: ReadOutput, name_heads: NameHeads, temperature: int
) -> None:
    arrays = golden("loss_vd")
    output = read_output(arrays)
    branches = output.visible, output.infrared
    loss = sum((variational_self_distillation(*b.logits, temperature=temperature) for b in branches), torch.zeros(()))
    _check(arrays, f"paper_T{temperature}/vsd", loss, output, name_heads)


@pytest.mark.parametrize("temperature", [1, 3])
def test_vcd_is_the_divergence_of_the_paper(
    golden: ReadGolden, read_output: ReadOutput, name_heads: NameHeads, temperature: int
) -> None:
    arrays = golden("loss_vd")
    output = read_output(arrays)
    logits = *output.shared_visible.logits, *output.shared_infrared.logits
    loss = variational_cross_distillation(*logits, temperature=temperature)
    _check(arrays, f"paper_T{temperature}/vcd", loss, output, name_heads)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_vml_is_the_jensen_shannon_divergence(random_output: MakeOutput, scale: float, temperature: float) -> None:
    first, second = _representations(random_output(scale=scale))
    loss = variational_mutual_learning(first, second, temperature=temperature)
    p, q = (_softmax(logits.detach().numpy() / temperature) for logits in (first, second))
    expected = np.mean([(_kl(a, (a + b) / 2) + _kl(b, (a + b) / 2)) / 2 for a, b in zip(p, q, strict=True)])
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-9)
    assert 0 < loss.item() < math.log(2)


def test_vml_is_symmetric_and_both_sides_learn(random_output: MakeOutput) -> None:
    logits = _representations(random_output())
    forth, back = variational_mutual_learning(*logits), variational_mutual_learning(*logits[::-1])
    torch.testing.assert_close(forth, back)
    for gradient in torch.autograd.grad(forth, logits):
        assert gradient.abs().max() > 1e-4


def test_vml_has_the_gradient_that_finite_differences_find() -> None:
    generator = torch.Generator().manual_seed(0)
    p, q = (torch.randn(3, 4, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(VML(temperature=2.0), (p, q))


def test_vml_of_equal_distributions_is_zero_and_of_disjoint_ones_ln_2() -> None:
    logits = torch.tensor([[500.0, -500.0], [-500.0, 500.0]]).requires_grad_()
    equal, disjoint = variational_mutual_learning(logits, logits), variational_mutual_learning(logits, -logits)
    torch.testing.assert_close(equal, torch.tensor(0.0))
    torch.testing.assert_close(disjoint, torch.tensor(math.log(2)))
    (gradient,) = torch.autograd.grad(disjoint, logits)
    assert torch.isfinite(gradient).all()


def test_a_certain_teacher_and_a_certain_student_that_disagree_stay_finite() -> None:
    teacher, student = torch.tensor([[2000.0, -2000.0]]), torch.tensor([[-2000.0, 2000.0]], requires_grad=True)
    loss = variational_self_distillation(teacher, student, temperature=1.0)
    (gradient,) = torch.autograd.grad(loss, student)
    torch.testing.assert_close(loss, torch.tensor(4000.0))
    torch.testing.assert_close(gradient, torch.tensor([[-1.0, 1.0]]))


def test_modules_are_the_functions(random_output: MakeOutput) -> None:
    output = random_output()
    four = *output.shared_visible.logits, *output.shared_infrared.logits
    assert torch.equal(VSD(3.0)(*four[:2]), variational_self_distillation(*four[:2], temperature=3.0))
    assert torch.equal(VCD(3.0)(*four), variational_cross_distillation(*four, temperature=3.0))
    assert torch.equal(VML(3.0)(*four[:2]), variational_mutual_learning(*four[:2], temperature=3.0))


def test_vsd_and_vcd_have_the_gradients_that_finite_differences_find() -> None:
    generator = torch.Generator().manual_seed(0)
    teachers = [torch.randn(3, 4, generator=generator, dtype=torch.float64) for _ in range(2)]
    z, w = (torch.randn(3, 4, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(lambda a: VSD(2.0)(teachers[0], a), (z,))
    assert torch.autograd.gradcheck(lambda a, b: VCD(2.0)(teachers[0], a, teachers[1], b), (z, w))


def _check(arrays: Golden, name: str, loss: Tensor, output: MVDOutput, name_heads: NameHeads) -> None:
    """Compare a loss and its gradients with a golden; only the representations that it names may have one."""
    np.testing.assert_allclose(loss.item(), arrays[name], rtol=0, atol=1e-10)
    logits = {f"{head}_logits": prediction.logits for head, prediction in name_heads(output).items()}
    gradients = torch.autograd.grad(loss, list(logits.values()), allow_unused=True)
    learning = {key for key, gradient in zip(logits, gradients, strict=True) if gradient is not None}
    prefix = f"{name}_grad_teacher_detached/"
    assert learning == {key.removeprefix(prefix) for key in arrays if key.startswith(prefix)}
    for key, gradient in zip(logits, gradients, strict=True):
        if gradient is not None:
            np.testing.assert_allclose(gradient, arrays[prefix + key], rtol=0, atol=1e-10)


def _representations(output: MVDOutput) -> list[Tensor]:
    return [branch.logits[1] for branch in (output.shared_visible, output.shared_infrared)]


def _softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    powers: npt.NDArray[np.float64] = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _kl(p: npt.NDArray[np.float64], q: npt.NDArray[np.float64]) -> float:
    return sum(float(a * np.log(a / b)) for a, b in zip(p, q, strict=True) if a > 0)
