"""The identity loss against the released one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from mvd.losses.identity import identity_loss

if TYPE_CHECKING:
    from conftest import ReadGolden


@pytest.mark.parametrize("case", ["eps0.1", "eps0.1_395", "eps0", "eps0.3_large_logits"])
def test_it_is_the_released_label_smoothed_cross_entropy(golden: ReadGolden, case: str) -> None:
    arrays = golden("loss_ce_smooth")
    logits = torch.from_numpy(arrays[f"{case}/logits"]).requires_grad_()
    loss = identity_loss(logits, torch.from_numpy(arrays[f"{case}/label"]), smoothing=arrays[f"{case}/epsilon"].item())
    (gradient,) = torch.autograd.grad(loss, logits)
    np.testing.assert_allclose(loss.item(), arrays[f"{case}/loss"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(gradient, arrays[f"{case}/grad"], rtol=0, atol=1e-9)
