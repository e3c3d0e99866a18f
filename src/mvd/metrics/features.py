"""Features: a descriptor for each picture, kept together with the table that says whose picture it is.

The one place where descriptors are checked: what is in a `Features` is finite and as long as its table, and all
that follows (distances, protocols, galleries on disk) relies on it.

Shapes: N pictures, D width of a descriptor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mvd.data.samples import Samples
from mvd.errors import ProtocolError


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """Descriptors and the pictures that they describe.

    Attributes:
        descriptors: (N, D) float32, read-only; any scale, since only their directions are compared.
        samples: the N pictures, in the same order.

    Raises:
        ProtocolError: the two differ in length, or a descriptor is not finite; the message names the first picture.
    """

    descriptors: npt.NDArray[np.float32]
    samples: Samples

    def __post_init__(self) -> None:
        # A view, so that freezing it does not reach into an array that the caller still owns.
        descriptors = np.asarray(self.descriptors, dtype=np.float32).view()
        if descriptors.ndim != 2 or len(descriptors) != len(self.samples) or descriptors.shape[1] == 0:
            raise ProtocolError(
                f"expected descriptors of shape ({len(self.samples)}, D), one row a picture, "
                f"found {descriptors.shape}; embed the same table that is evaluated"
            )
        bad = np.flatnonzero(~_finite_rows(descriptors))
        if bad.size:
            raise ProtocolError(
                f"{self.samples.paths[bad[0]]}: expected a finite descriptor, found NaN or infinity "
                f"(in {bad.size} of {len(self.samples)} pictures); check the weights"
            )
        descriptors.flags.writeable = False
        object.__setattr__(self, "descriptors", descriptors)

    def __len__(self) -> int:
        return len(self.descriptors)

    def take(self, rows: npt.ArrayLike) -> Features:
        """Select pictures by index (M,) or by mask (N,), in the order given."""
        return Features(descriptors=self.descriptors[np.asarray(rows)], samples=self.samples.take(rows))


def _finite_rows(descriptors: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Say which rows are finite, some at a time: a mask of every number would be a quarter of the descriptors."""
    step = max(1, (1 << 22) // descriptors.shape[1])
    parts = [np.isfinite(descriptors[start : start + step]).all(axis=1) for start in range(0, len(descriptors), step)]
    return np.concatenate([np.ones(0, np.bool_), *parts])
