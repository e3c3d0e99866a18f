"""What a network returns in training: features and logits of its passes, by name.

A structure for each network: MVD's four passes with their bottlenecks, the same passes without, and the one pass of a
single encoder. So a loss says by its types which parts it needs, and a part that is not there cannot be asked for.
Each structure is a tuple of branches and each branch a tuple of heads; `map_tensors` goes through any of them.

Shapes: B batch, D width (C of an observation, z_dim of a representation), K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias, TypeVar

from torch import Tensor


class Prediction(NamedTuple):
    """A feature and the classes that a classifier reads from it.

    Attributes:
        features: (B, D).
        logits: (B, K), unnormalised; P = softmax(logits).
    """

    features: Tensor
    logits: Tensor


class Branch(NamedTuple):
    """One pass: the observation v of the BN neck, and the representation z that the bottleneck keeps of it."""

    observation: Prediction
    representation: Prediction


class Observed(NamedTuple):
    """One pass of a branch that has no bottleneck."""

    observation: Prediction


AnyBranch: TypeAlias = Branch | Observed


class MVDOutput(NamedTuple):
    """The four passes. Each holds every picture of the batch, whichever its modality.

    Attributes:
        visible: the visible-specific branch, on the pictures as they are.
        infrared: the infrared-specific branch, on the grey pictures.
        shared_visible: the shared branch on the pictures as they are.
        shared_infrared: the shared branch on the grey pictures.
    """

    visible: Branch
    infrared: Branch
    shared_visible: Branch
    shared_infrared: Branch

    @property
    def specific_heads(self) -> list[Prediction]:
        """The heads of the two specific branches: observation, then representation, of each."""
        return _heads(self.visible, self.infrared)

    @property
    def shared_heads(self) -> list[Prediction]:
        """The heads of the two shared passes, likewise."""
        return _heads(self.shared_visible, self.shared_infrared)

    @property
    def predictions(self) -> list[Prediction]:
        """The eight heads: observation, then representation, of each pass in order."""
        return _heads(*self)


class ObservedOutput(NamedTuple):
    """The four passes of `MVDOutput` where no branch has a bottleneck."""

    visible: Observed
    infrared: Observed
    shared_visible: Observed
    shared_infrared: Observed

    @property
    def specific_heads(self) -> list[Prediction]:
        """The observations of the two specific branches."""
        return _heads(self.visible, self.infrared)

    @property
    def shared_heads(self) -> list[Prediction]:
        """The observations of the two shared passes."""
        return _heads(self.shared_visible, self.shared_infrared)

    @property
    def predictions(self) -> list[Prediction]:
        """The four observations in order."""
        return _heads(*self)


class SharedOutput(NamedTuple):
    """The one pass of a single encoder, which sees every picture as it is."""

    shared: AnyBranch

    @property
    def specific_heads(self) -> list[Prediction]:
        """None: no branch belongs to one modality."""
        return []

    @property
    def shared_heads(self) -> list[Prediction]:
        """The observation, and the representation where there is a bottleneck."""
        return _heads(self.shared)

    @property
    def predictions(self) -> list[Prediction]:
        """The same."""
        return _heads(self.shared)


Output: TypeAlias = MVDOutput | ObservedOutput | SharedOutput
OutputT = TypeVar("OutputT", bound=Output)


def map_tensors(output: OutputT, change: Callable[[Tensor], Tensor]) -> OutputT:
    """Make an output of the same structure from what `change` makes of each feature and each logit."""
    structure: Any = type(output)
    mapped: OutputT = structure(
        *(type(branch)(*(Prediction(*map(change, head)) for head in branch)) for branch in output)
    )
    return mapped


def tensors_of(output: Output) -> list[Tensor]:
    """List the tensors of an output in the order in which `map_tensors` goes through them."""
    return [tensor for branch in output for head in branch for tensor in head]


def _heads(*branches: AnyBranch) -> list[Prediction]:
    return [head for branch in branches for head in branch]
