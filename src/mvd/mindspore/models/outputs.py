"""Outputs with names and without.

A compiled graph returns plain tuples, because MindSpore runs named ones outside the graph, where no gradient passes.
Their structure is that of `mvd.models.outputs`: passes, heads of a pass, features and logits of a head.

Shapes: B batch, D width, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from mindspore import Tensor

from mvd.models.outputs import Branch, MVDOutput, Output, Prediction, SharedOutput

Plain: TypeAlias = tuple[tuple[tuple[Tensor, Tensor], ...], ...]
"""Features (B, D) and logits (B, K) of each head of each pass."""


def with_names(output: Sequence[Sequence[Sequence[Tensor]]]) -> Output:
    """Give an output its names; one that has them is returned as an equal one."""
    branches = [Branch(*(Prediction(*head) for head in branch if head is not None)) for branch in output]
    return MVDOutput(*branches) if len(branches) > 1 else SharedOutput(*branches)


def without_names(output: Output | Plain) -> Plain:
    """Turn an output into plain tuples, as a compiled graph takes them."""
    return tuple(tuple(tuple(head) for head in branch if head is not None) for branch in output)
