"""Shared by the golden vectors of both released networks: weights from their names, pictures from a seed."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

if TYPE_CHECKING:
    from conftest import Golden


def fill(name: str, shape: str, seed: int) -> npt.NDArray[np.float32]:
    """Make the values of a reference parameter from its name and its shape, such as '64x3x7x7', or '' for a scalar."""
    size = tuple(int(n) for n in shape.split("x") if n)
    z = np.random.RandomState((zlib.crc32(name.encode("ascii")) + seed) % 2**32).standard_normal(size)
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "num_batches_tracked":
        z = np.zeros(size)
    elif leaf in {"running_var", "moving_variance"}:
        z = 1 + 0.5 * np.abs(z)
    elif leaf in {"running_mean", "moving_mean", "bias", "beta"}:
        z = 0.1 * z
    elif len(size) > 1:
        z = z * np.sqrt((2 if len(size) == 4 else 1) / np.prod(size[1:]))
    elif size == (1,):
        z = 0.2 * (1 + 0.1 * z)
    else:
        z = (0.3 if ".bn3." in name else 1) * (1 + 0.1 * z)
    return z.astype(np.float32)


def pictures(golden: Golden) -> Tensor:
    """Draw the pictures (B, 3, 64, 32) that a golden file was computed from, in float64."""
    drawn = np.random.RandomState(int(golden["x_seed"])).standard_normal(golden["x_shape"]).astype(np.float32)
    np.testing.assert_array_equal(drawn.ravel()[:4], golden["x_first4"])
    return torch.from_numpy(drawn).double()


def assert_close(found: Tensor, expected: npt.NDArray[np.float32]) -> None:
    """Compare with what was computed in float64 and stored in float32."""
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=0, atol=2e-6)


def assert_statistics(network: torch.nn.Module, our_name: Callable[[str], str], golden: Golden) -> None:
    """Compare running statistics after a pass with a file's "after/<reference name>".

    Args:
        network: after the pass.
        our_name: turns the name of a reference parameter into ours.
        golden: the file.
    """
    statistics = network.state_dict()
    after = {name.removeprefix("after/"): value for name, value in golden.items() if name.startswith("after/")}
    compared = {name: value for name, value in after.items() if not name.endswith("num_batches_tracked")}
    assert len(compared) == 16
    for name, value in compared.items():
        np.testing.assert_allclose(statistics[our_name(name)].numpy(), value, rtol=1e-5, atol=1e-7, err_msg=name)


def count_trained_parameters(module: torch.nn.Module) -> int:
    """Count the numbers that training changes; frozen parameters and running statistics do not count."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
