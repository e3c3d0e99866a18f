"""Features: descriptors together with the table of the pictures that they describe.

Descriptors are checked here and nowhere else: those of a `Features` are finite and as many as its samples.

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
    """Descriptors (embeddings) and their pictures.

    Attributes:
        descriptors: (N, D) float32, read-only, of any length, since only their directions are compared.
        samples: the N pictures, in the same order.

    Raises:
        ProtocolError: lengths differ, or a descriptor is not finite; the message names the first picture.

    Example:
        >>> from mvd.data.samples import Modality, Row, from_rows
        >>> samples = from_rows([Row("a.jpg", 1, 1, Modality.VISIBLE), Row("b.jpg", 1, 2, Modality.INFRARED)])
        >>> features = Features(descriptors=np.eye(2), samples=samples)
        >>> len(features), features.take([1]).samples.paths.tolist()
        (2, ['b.jpg'])
    """

    descriptors: npt.NDArray[np.float32]
    samples: Samples

    def __post_init__(self) -> None:
        # A view, so that the caller's array stays writable.
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
        """Select pictures by indices (M,), in the order given, or by a mask (N,)."""
        return Features(descriptors=self.descriptors[np.asarray(rows)], samples=self.samples.take(rows))


def _finite_rows(descriptors: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Return a mask of finite rows; computed in blocks, since an elementwise mask needs a quarter of their memory."""
    step = max(1, (1 << 22) // descriptors.shape[1])
    parts = [np.isfinite(descriptors[start : start + step]).all(axis=1) for start in range(0, len(descriptors), step)]
    return np.concatenate([np.ones(0, np.bool_), *parts])
