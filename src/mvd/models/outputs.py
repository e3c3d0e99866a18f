"""What a network returns in training: features and logits of its passes, by name.

An output is a tuple of branches and a branch a tuple of heads, so it can be indexed, compared and gathered.

Shapes: B batch, D width (C of an observation, z_dim of a representation), K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

if TYPE_CHECKING:
    from torch import Tensor


class Prediction(NamedTuple):
    """The output of a head: a feature, and the classes that its classifier reads from it.

    Attributes:
        features: (B, D).
        logits: (B, K), unnormalised; P = softmax(logits).
    """

    features: Tensor
    logits: Tensor


class Branch(NamedTuple):
    """The output of one pass.

    Attributes:
        observation: v, the feature around the BN neck.
        representation: z, what the information bottleneck keeps of v; None in a network without bottlenecks.
    """

    observation: Prediction
    representation: Prediction | None = None

    @property
    def heads(self) -> list[Prediction]:
        """The observation, and the representation if there is one."""
        return [head for head in self if head is not None]

    @property
    def logits(self) -> list[Tensor]:
        """The logits (B, K) of each head, as the distillation losses take them."""
        return [head.logits for head in self.heads]


class MVDOutput(NamedTuple):
    """The four passes of MVD. Each holds every picture of the batch, of either modality.

    Attributes:
        visible: the visible-specific branch, on the pictures in colour.
        infrared: the infrared-specific branch, on their grey versions.
        shared_visible: the shared branch on the pictures in colour.
        shared_infrared: the shared branch on their grey versions.
    """

    visible: Branch
    infrared: Branch
    shared_visible: Branch
    shared_infrared: Branch

    @property
    def specific_heads(self) -> list[Prediction]:
        """The heads of the two specific branches, each branch's observation first."""
        return self.visible.heads + self.infrared.heads

    @property
    def shared_heads(self) -> list[Prediction]:
        """The heads of the two shared passes, likewise."""
        return self.shared_visible.heads + self.shared_infrared.heads

    @property
    def predictions(self) -> list[Prediction]:
        """All heads, in the order of the passes: eight, or four without bottlenecks."""
        return self.specific_heads + self.shared_heads


class SharedOutput(NamedTuple):
    """The one pass of a single encoder."""

    shared: Branch

    @property
    def specific_heads(self) -> list[Prediction]:
        """None: no branch belongs to one modality."""
        return []

    @property
    def shared_heads(self) -> list[Prediction]:
        """The heads of the pass, the observation first."""
        return self.shared.heads

    @property
    def predictions(self) -> list[Prediction]:
        """The same."""
        return self.shared.heads


Output: TypeAlias = MVDOutput | SharedOutput
OutputT = TypeVar("OutputT", bound=Output)


def map_tensors(output: OutputT, change: Callable[[Tensor], Tensor]) -> OutputT:
    """Apply a function to every tensor of an output, and return an output of the same structure."""
    structure: Any = type(output)
    mapped: OutputT = structure(
        *(Branch(*(Prediction(*map(change, head)) for head in branch.heads)) for branch in output)
    )
    return mapped


def tensors_of(output: Output) -> list[Tensor]:
    """List the tensors of an output in the order in which `map_tensors` visits them."""
    return [tensor for head in output.predictions for tensor in head]
