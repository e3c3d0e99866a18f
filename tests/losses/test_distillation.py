"""The distillation terms against golden values, slow float64 code, and what they promise about gradients."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from mvd.losses.distillation import (
    variational_cross_distillation,
    variational_mutual_learning,
    variational_self_distillation,
)
from mvd.models.outputs import Branch, MVDOutput, Prediction

if TYPE_CHECKING:
    from conftest import Golden, MakeOutput, ReadGolden
    from losses.conftest import NameHeads, ReadOutput


@pytest.mark.parametrize("temperature", [1, 3])
def test_vsd_is_the_divergence_of_the_paper(
    golden: ReadGolden, read_output: ReadOutput, name_heads: NameHeads, temperature: int
) -> None:
    arrays = golden("loss_vd")
    output = read_output(arrays)
    loss = variational_self_distillation(output.visible, output.infrared, temperature=temperature)
    _check(arrays, f"paper_T{temperature}/vsd", loss, output, name_heads)


@pytest.mark.parametrize("temperature", [1, 3])
def test_vcd_is_the_divergence_of_the_paper(
    golden: ReadGolden, read_output: ReadOutput, name_heads: NameHeads, temperature: int
) -> None:
    arrays = golden("loss_vd")
    output = read_output(arrays)
    loss = variational_cross_distillation(output.shared_visible, output.shared_infrared, temperature=temperature)
    _check(arrays, f"paper_T{temperature}/vcd", loss, output, name_heads)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_vml_is_the_jensen_shannon_divergence(random_output: MakeOutput, scale: float, temperature: float) -> None:
    output = random_output(scale=scale)
    loss = _vml(output.shared_visible, output.shared_infrared, temperature)
    p, q = (
        _softmax(branch.representation.logits.detach().numpy() / temperature)
        for branch in (output.shared_visible, output.shared_infrared)
    )
    expected = np.mean([(_kl(a, (a + b) / 2) + _kl(b, (a + b) / 2)) / 2 for a, b in zip(p, q, strict=True)])
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-9)
    assert 0 < loss.item() < math.log(2)


def test_vml_is_symmetric_and_both_sides_learn(random_output: MakeOutput) -> None:
    output = random_output()
    logits = [branch.representation.logits for branch in (output.shared_visible, output.shared_infrared)]
    forth = _vml(output.shared_visible, output.shared_infrared)
    back = _vml(output.shared_infrared, output.shared_visible)
    torch.testing.assert_close(forth, back)
    for gradient in torch.autograd.grad(forth, logits):
        assert gradient.abs().max() > 1e-4


def test_vml_has_the_gradient_that_finite_differences_find() -> None:
    generator = torch.Generator().manual_seed(0)
    p, q = (torch.randn(3, 4, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(lambda a, b: _vml(_branch(a), _branch(b), 2.0), (p, q))


def test_vml_of_equal_distributions_is_zero_and_of_disjoint_ones_ln_2() -> None:
    logits = torch.tensor([[500.0, -500.0], [-500.0, 500.0]]).requires_grad_()
    equal, disjoint = _vml(_branch(logits), _branch(logits)), _vml(_branch(logits), _branch(-logits))
    torch.testing.assert_close(equal, torch.tensor(0.0))
    torch.testing.assert_close(disjoint, torch.tensor(math.log(2)))
    (gradient,) = torch.autograd.grad(disjoint, logits)
    assert torch.isfinite(gradient).all()


def test_a_certain_teacher_and_a_certain_student_that_disagree_stay_finite() -> None:
    teacher = Prediction(torch.empty(0), torch.tensor([[2000.0, -2000.0]]))
    student = Prediction(torch.empty(0), torch.tensor([[-2000.0, 2000.0]], requires_grad=True))
    branch = Branch(teacher, student)
    loss = variational_self_distillation(branch, branch, temperature=1.0)
    (gradient,) = torch.autograd.grad(loss, student.logits)
    torch.testing.assert_close(loss, torch.tensor(8000.0))
    torch.testing.assert_close(gradient, torch.tensor([[-2.0, 2.0]]))


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


def _branch(logits: Tensor) -> Branch:
    return Branch(Prediction(torch.empty(0), torch.empty(0)), Prediction(torch.empty(0), logits))


def _vml(first: Branch, second: Branch, temperature: float = 1.0) -> Tensor:
    return variational_mutual_learning(first, second, temperature=temperature)


def _softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    powers: npt.NDArray[np.float64] = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _kl(p: npt.NDArray[np.float64], q: npt.NDArray[np.float64]) -> float:
    return sum(float(a * np.log(a / b)) for a, b in zip(p, q, strict=True) if a > 0)
