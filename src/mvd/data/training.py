"""The training data of a run: the prepared pictures of the training identities, and their classes.

Shapes: N pictures, K classes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mvd.data.prepared.arrays import PreparedPictures

_FINGERPRINTED = 32  # pictures of each modality


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingData:
    """The training pictures of a run: both modalities of the same identities.

    Attributes:
        visible: visible pictures.
        infrared: infrared pictures.
        identities: (K,) the identity of each class 0 … K - 1, ascending.
    """

    visible: PreparedPictures
    infrared: PreparedPictures
    identities: npt.NDArray[np.int64]

    def labels(self, pictures: PreparedPictures) -> npt.NDArray[np.int64]:
        """Compute the class (N,) of each picture."""
        return np.searchsorted(self.identities, pictures.samples.identities)

    def fingerprint(self) -> str:
        """Hash the number of pictures, their identities and cameras, and the pixels of some of them.

        The same pictures prepared in another way have another fingerprint; the path does not matter.
        """
        found = hashlib.blake2b(digest_size=8)
        for pictures in (self.visible, self.infrared):
            found.update(pictures.samples.identities.tobytes() + pictures.samples.cameras.tobytes())
            some = np.linspace(0, len(pictures) - 1, num=min(len(pictures), _FINGERPRINTED), dtype=np.int64)
            found.update(pictures.read(some).tobytes())
        return found.hexdigest()
