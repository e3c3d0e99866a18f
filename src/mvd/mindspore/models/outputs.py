"""Convert outputs between named and plain tuples.

A compiled graph returns plain tuples, because MindSpore evaluates named tuples outside the graph, without gradient.
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
    """Convert an output to named tuples; a named output is returned as an equal one."""
    branches = [Branch(*(Prediction(*head) for head in branch if head is not None)) for branch in output]
    return MVDOutput(*branches) if len(branches) > 1 else SharedOutput(*branches)


def without_names(output: Output | Plain) -> Plain:
    """Convert an output to plain tuples, for a compiled graph."""
    return tuple(tuple(tuple(head) for head in branch if head is not None) for branch in output)
