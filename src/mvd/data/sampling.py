"""Identity batches: P identities × K visible and K infrared pictures, a pure function of (seed, epoch).

Nothing is remembered from one epoch to the next, so a resumed run draws what the uninterrupted one would have
drawn. Identities and pictures are dealt like cards, without replacement until too few are left for another hand;
only an identity with fewer than K pictures of a modality shows one twice in a batch.

Shapes: S steps in an epoch, P identities in a batch, K pictures of each and modality.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mvd.errors import DatasetError


class EpochBatches(NamedTuple):
    """Which pictures make the batches of an epoch.

    Attributes:
        labels: (S, P·K) int64 class of each column; the same for both modalities.
        visible: (S, P·K) int64 positions among the visible pictures.
        infrared: (S, P·K) int64 positions among the infrared pictures.
    """

    labels: npt.NDArray[np.int64]
    visible: npt.NDArray[np.int64]
    infrared: npt.NDArray[np.int64]


def steps_per_epoch(visible: int, infrared: int, identities: int, pictures: int) -> int:
    """Count the batches that show each picture of the larger modality once on average."""
    return -(-max(visible, infrared) // (identities * pictures))


def require_identities(found: int, identities: int, people_lists: str = "the training people") -> None:
    """Check that there are enough people for a batch.

    Args:
        found: people to train on.
        identities: P.
        people_lists: where people are added, for the message.

    Raises:
        DatasetError: there are fewer than `identities`.
    """
    if found < identities:
        raise DatasetError(
            f"expected at least {identities} identities to fill a batch, found {found} to train on; "
            f"lower --sampling.identities to {found} or fewer, or add people to {people_lists}"
        )


def identity_batches(
    visible: npt.NDArray[np.int64],
    infrared: npt.NDArray[np.int64],
    *,
    identities: int,
    pictures: int,
    steps: int,
    seed: int,
    epoch: int,
) -> EpochBatches:
    """Deal the batches of one epoch.

    Args:
        visible: (N,) class 0 … of each visible picture.
        infrared: (M,) class of each infrared picture; the same classes.
        identities: P.
        pictures: K.
        steps: S.
        seed: the run's seed.
        epoch: from 0.

    Raises:
        DatasetError: there are fewer classes than P, or a class is missing in one modality.
    """
    classes = np.unique(visible)
    if not np.array_equal(classes, np.unique(infrared)):
        odd = np.setxor1d(classes, np.unique(infrared))
        raise DatasetError(f"expected every class in both modalities, found class {odd[0]} in one only")
    require_identities(len(classes), identities)
    rng = np.random.default_rng([seed, epoch])
    labels = np.concatenate([hand for hand, _ in zip(_deal(classes, identities, rng), range(steps), strict=False)])
    return EpochBatches(
        labels=np.repeat(labels, pictures).reshape(steps, -1),
        visible=_pictures(visible, labels, pictures, rng).reshape(steps, -1),
        infrared=_pictures(infrared, labels, pictures, rng).reshape(steps, -1),
    )


def _deal(cards: npt.NDArray[np.int64], size: int, rng: np.random.Generator) -> Iterator[npt.NDArray[np.int64]]:
    """Yield hands of distinct cards for ever; each shuffled deck is dealt until too few are left."""
    while True:
        deck = rng.permutation(cards)
        for start in range(0, len(deck) - size + 1, size):
            yield deck[start : start + size]


def _pictures(
    classes: npt.NDArray[np.int64], dealt: npt.NDArray[np.int64], size: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw `size` pictures for each dealt class: (S·P,) → (S·P·K,)."""
    hands = {}
    for label in np.unique(dealt).tolist():
        positions = np.flatnonzero(classes == label)
        # Too few to fill a hand: each of them once, and then again, as evenly as it goes.
        hands[label] = _deal(np.resize(positions, max(len(positions), size)), size, rng)
    return np.concatenate([next(hands[label]) for label in dealt.tolist()])
