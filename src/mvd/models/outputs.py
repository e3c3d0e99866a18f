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
        return [self.observation] if self.representation is None else [self.observation, self.representation]

    @property
    def logits(self) -> list[Tensor]:
        """The logits (B, K) of each head, as the distillation losses take them."""
        return [head.logits for head in self.heads]

    @property
    def strips(self) -> tuple[Prediction, ...]:
        """None."""
        return ()


class StripedBranch(NamedTuple):
    """The output of one pass of a network with strips; without them, it is a `Branch`.

    Attributes:
        observation: v, the feature around the BN neck.
        representation: z, what the information bottleneck keeps of v; None in a network without bottlenecks.
        strips: what each horizontal strip of the feature map says, from the top.
    """

    observation: Prediction
    representation: Prediction | None
    strips: tuple[Prediction, ...]

    @property
    def heads(self) -> list[Prediction]:
        """The observation, and the representation if there is one."""
        return Branch(self.observation, self.representation).heads

    @property
    def logits(self) -> list[Tensor]:
        """The logits (B, K) of these heads, as the distillation losses take them."""
        return [head.logits for head in self.heads]


Pass: TypeAlias = Branch | StripedBranch


class MVDOutput(NamedTuple):
    """The four passes of MVD. Each holds every picture of the batch, of either modality.

    Attributes:
        visible: the visible-specific branch, on the pictures in colour.
        infrared: the infrared-specific branch, on their grey versions.
        shared_visible: the shared branch on the pictures in colour.
        shared_infrared: the shared branch on their grey versions.
    """

    visible: Pass
    infrared: Pass
    shared_visible: Pass
    shared_infrared: Pass

    @property
    def specific_heads(self) -> list[Prediction]:
        """The heads of the two specific branches, each branch's observation first."""
        return self.visible.heads + self.infrared.heads

    @property
    def shared_heads(self) -> list[Prediction]:
        """The heads of the two shared passes, likewise."""
        return self.shared_visible.heads + self.shared_infrared.heads

    @property
    def specific_strips(self) -> list[Prediction]:
        """The strips of the two specific branches."""
        return [*self.visible.strips, *self.infrared.strips]

    @property
    def shared_strips(self) -> list[Prediction]:
        """The strips of the two shared passes."""
        return [*self.shared_visible.strips, *self.shared_infrared.strips]

    @property
    def predictions(self) -> list[Prediction]:
        """All heads, in the order of the passes, eight, or four without bottlenecks; then all strips."""
        return self.specific_heads + self.shared_heads + self.specific_strips + self.shared_strips


class SharedOutput(NamedTuple):
    """The one pass of a single encoder."""

    shared: Pass

    @property
    def specific_heads(self) -> list[Prediction]:
        """None: no branch belongs to one modality."""
        return []

    @property
    def shared_heads(self) -> list[Prediction]:
        """The heads of the pass, the observation first."""
        return self.shared.heads

    @property
    def specific_strips(self) -> list[Prediction]:
        """None."""
        return []

    @property
    def shared_strips(self) -> list[Prediction]:
        """The strips of the pass."""
        return list(self.shared.strips)

    @property
    def predictions(self) -> list[Prediction]:
        """The heads of the pass, then its strips."""
        return self.shared.heads + self.shared_strips


Output: TypeAlias = MVDOutput | SharedOutput
OutputT = TypeVar("OutputT", bound=Output)


def map_tensors(output: OutputT, change: Callable[[Tensor], Tensor]) -> OutputT:
    """Apply a function to every tensor of an output, and return an output of the same structure."""
    structure: Any = type(output)
    mapped: OutputT = structure(*(_map_branch(branch, change) for branch in output))
    return mapped


def _map_branch(branch: Pass, change: Callable[[Tensor], Tensor]) -> Pass:
    heads = [Prediction(*map(change, head)) for head in branch.heads]
    plain = Branch(heads[0], heads[1] if len(heads) > 1 else None)
    if not branch.strips:
        return plain
    return StripedBranch(*plain, strips=tuple(Prediction(*map(change, head)) for head in branch.strips))


def tensors_of(output: Output) -> list[Tensor]:
    """List the tensors of an output in the order in which `map_tensors` visits them."""
    return [tensor for branch in output for head in (*branch.heads, *branch.strips) for tensor in head]
