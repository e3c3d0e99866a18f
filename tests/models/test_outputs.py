"""Outputs: which heads are specific and which shared, in what order, and what goes through all of them."""

from __future__ import annotations

import pytest
import torch

from mvd.models.outputs import (
    Branch,
    MVDOutput,
    Output,
    Prediction,
    SharedOutput,
    map_tensors,
)


def _head(number: int) -> Prediction:
    return Prediction(torch.tensor([[float(number)]]), torch.tensor([[float(number), -1.0]]))


def _branch(number: int) -> Branch:
    return Branch(_head(number), _head(number + 1))


_MVD = MVDOutput(_branch(0), _branch(2), _branch(4), _branch(6))
_OBSERVED = MVDOutput(*(Branch(_head(number)) for number in range(4)))


@pytest.mark.parametrize(
    ("output", "specific", "shared"),
    [
        (_MVD, [0, 1, 2, 3], [4, 5, 6, 7]),
        (_OBSERVED, [0, 1], [2, 3]),
        (SharedOutput(_branch(0)), [], [0, 1]),
        (SharedOutput(Branch(_head(0))), [], [0]),
    ],
)
def test_heads_are_specific_or_shared(output: Output, specific: list[int], shared: list[int]) -> None:
    def numbers(heads: list[Prediction]) -> list[int]:
        return [int(head.features) for head in heads]

    assert numbers(output.specific_heads) == specific
    assert numbers(output.shared_heads) == shared
    assert numbers(output.predictions) == specific + shared


@pytest.mark.parametrize("output", [_MVD, _OBSERVED, SharedOutput(_branch(0)), SharedOutput(Branch(_head(0)))])
def test_a_change_reaches_every_tensor_and_leaves_the_structure(output: Output) -> None:
    changed = map_tensors(output, lambda values: values + 10)
    assert type(changed) is type(output)
    assert [len(branch.heads) for branch in changed] == [len(branch.heads) for branch in output]
    for found, head in zip(changed.predictions, output.predictions, strict=True):
        assert torch.equal(found.features, head.features + 10)
        assert torch.equal(found.logits, head.logits + 10)
