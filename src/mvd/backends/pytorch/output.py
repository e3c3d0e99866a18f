"""What the MVD network returns in training: features and logits of its four passes, by name.

Shapes: B batch, D width (C of an observation, z_dim of a representation), K classes.
"""

from __future__ import annotations

from typing import NamedTuple

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
    """One pass: the observation v, after its BN neck, and the representation z that the bottleneck keeps of it."""

    observation: Prediction
    representation: Prediction


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
    def predictions(self) -> list[Prediction]:
        """The eight heads: observation, then representation, of each pass in order."""
        return [prediction for branch in self for prediction in branch]
