"""Shared by the tests of the losses: outputs of a network from golden files, by the names in these files.

The golden files name the four passes v, i, v_ms and i_ms, and the heads of each obs and rep.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from mvd.models.outputs import Branch, MVDOutput, Prediction

if TYPE_CHECKING:
    from conftest import Golden

    ReadOutput = Callable[[Golden], MVDOutput]
NameHeads = Callable[[MVDOutput], dict[str, Prediction]]

_PASSES = {"visible": "v", "infrared": "i", "shared_visible": "v_ms", "shared_infrared": "i_ms"}


@pytest.fixture(scope="session")
def read_output() -> ReadOutput:
    """Read the eight heads of a golden file as an output that wants gradients; features may be missing."""

    def values(arrays: Golden, name: str) -> Tensor:
        return torch.from_numpy(arrays[name]).requires_grad_() if name in arrays else torch.empty(0)

    def head(arrays: Golden, name: str) -> Prediction:
        return Prediction(values(arrays, f"{name}_feat"), values(arrays, f"{name}_logits"))

    def read(arrays: Golden) -> MVDOutput:
        return MVDOutput(
            **{field: Branch(head(arrays, f"{s}_obs"), head(arrays, f"{s}_rep")) for field, s in _PASSES.items()}
        )

    return read


@pytest.fixture(scope="session")
def name_heads() -> NameHeads:
    """Give the eight heads of an output the names that golden files give them."""

    def name(output: MVDOutput) -> dict[str, Prediction]:
        return {
            f"{short}_{kind}": head
            for field, short in _PASSES.items()
            for kind, head in zip(("obs", "rep"), getattr(output, field), strict=True)
        }

    return name
