"""Identity batches: P identities × K visible and K infrared pictures, a pure function of (seed, epoch).

No state is carried from one epoch to the next, so a resumed run has the draws of an uninterrupted one. Identities, and
the pictures of each, are drawn without replacement until too few are left, and then reshuffled. A picture occurs twice
in a batch only if its identity has fewer than K pictures of the modality.

Shapes: S steps in an epoch, P identities in a batch, K pictures of each and modality.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mvd.errors import DatasetError


class EpochBatches(NamedTuple):
    """The batches of an epoch.

    Attributes:
        labels: (S, P·K) int64, the class of each column, the same for both modalities.
        visible: (S, P·K) int64, positions among the visible pictures.
        infrared: (S, P·K) int64, positions among the infrared pictures.
    """

    labels: npt.NDArray[np.int64]
    visible: npt.NDArray[np.int64]
    infrared: npt.NDArray[np.int64]


def steps_per_epoch(visible: int, infrared: int, identities: int, pictures: int) -> int:
    """Return the number of batches in which each picture of the larger modality occurs once on average.

    Example:
        >>> steps_per_epoch(visible=100, infrared=70, identities=8, pictures=4)
        4
    """
    return -(-max(visible, infrared) // (identities * pictures))


def require_identities(found: int, identities: int, people_lists: str = "the training people") -> None:
    """Check that there are enough identities for a batch.

    Args:
        found: number of training identities.
        identities: P.
        people_lists: files to which people can be added, for the message.

    Raises:
        DatasetError: there are fewer than P identities.
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
    """Draw the batches of one epoch.

    Args:
        visible: (N,) class of each visible picture.
        infrared: (M,) class of each infrared picture; the same classes.
        identities: P.
        pictures: K.
        steps: S.
        seed: seed of the run.
        epoch: the epoch, from 0.

    Raises:
        DatasetError: there are fewer classes than P, or a class is missing in one modality.

    Example:
        >>> labels = np.array([0, 0, 1, 1, 2])
        >>> batches = identity_batches(labels, labels, identities=2, pictures=2, steps=1, seed=0, epoch=0)
        >>> batches.labels
        array([[2, 2, 0, 0]])
        >>> batches.visible
        array([[4, 4, 1, 0]])
    """
    classes = np.unique(visible)
    if not np.array_equal(classes, np.unique(infrared)):
        odd = np.setxor1d(classes, np.unique(infrared))
        raise DatasetError(f"expected every class in both modalities, found class {odd[0]} in one only")
    require_identities(len(classes), identities)
    rng = np.random.default_rng([seed, epoch])
    draws = _draw_forever(classes, identities, rng)
    # One unused draw: without it, the draws of pictures below would differ from those of existing runs.
    labels = np.concatenate([next(draws) for _ in range(steps + 1)][:steps])
    return EpochBatches(
        labels=np.repeat(labels, pictures).reshape(steps, -1),
        visible=_draw_pictures(visible, labels, pictures, rng).reshape(steps, -1),
        infrared=_draw_pictures(infrared, labels, pictures, rng).reshape(steps, -1),
    )


def _draw_forever(items: npt.NDArray[np.int64], size: int, rng: np.random.Generator) -> Iterator[npt.NDArray[np.int64]]:
    """Yield `size` distinct items endlessly; the items are reshuffled when too few are left."""
    while True:
        shuffled = rng.permutation(items)
        for start in range(0, len(shuffled) - size + 1, size):
            yield shuffled[start : start + size]


def _draw_pictures(
    classes: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], size: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw `size` pictures for each label: (S·P,) → (S·P·K,)."""
    draws = {}
    for label in np.unique(labels).tolist():
        positions = np.flatnonzero(classes == label)
        # Too few pictures are repeated as evenly as possible.
        draws[label] = _draw_forever(np.resize(positions, max(len(positions), size)), size, rng)
    return np.concatenate([next(draws[label]) for label in labels.tolist()])
