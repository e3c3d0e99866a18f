"""A checkpoint as a `PictureModel`: an `Embedder` with a projection and L2 normalisation.

Shapes: N pictures of H × W pixels, D width of an embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast, get_args

import numpy as np
import numpy.typing as npt

from mvd.errors import DatasetError, require_choice
from mvd.inference.embedder import Embedder, Precision
from mvd.inference.identity import ModelIdentity, fingerprint_projected
from mvd.inference.kept import Calibrated, KeptCalibration, kept_projection
from mvd.inference.pixels import ModalitiesLike, Picture
from mvd.metrics.distances import unit_rows
from mvd.runs import RunData, read_trained_on


class TorchModel(Calibrated):
    """A checkpoint as a `PictureModel`.

    Args:
        file: the checkpoint.
        name: display name.
        device: see `Embedder`.
        precision: see `Embedder`.
        batch: batch size; 0 means 64 on a CPU and 256 elsewhere.
        projected: whether to apply the projection saved with the weights.

    Attributes:
        weights: fingerprint of the network without projection.
        identity: identity of the model.
        trained_on: data that the model was trained on; None if unknown.

    Raises:
        CheckpointError: see `Embedder.from_pretrained`.
        ConfigError: see `Embedder.from_pretrained`.
    """

    def __init__(
        self,
        file: Path,
        *,
        name: str,
        device: str = "auto",
        precision: str = "auto",
        batch: int = 0,
        projected: bool = True,
    ) -> None:
        require_choice("precision", precision, get_args(Precision))
        self._embedder = Embedder.from_pretrained(
            file, device=device, precision=cast("Precision", precision), batch=batch
        )
        self._needs_modalities = self._embedder.config.model.stems == "specific"
        self.weights = self._embedder.fingerprint
        self._projection = kept_projection(file, self.weights) if projected else None
        self.identity = ModelIdentity(
            name=name,
            fingerprint=fingerprint_projected(self.weights, self._projection),
            width=self._embedder.width if self._projection is None else self._projection.width,
            size=self._embedder.size,
        )
        self.trained_on: RunData | None = read_trained_on(file)
        self._kept = KeptCalibration(file, self.identity.fingerprint)

    def __call__(
        self, pictures: Picture | Sequence[Picture], modalities: ModalitiesLike | None = None
    ) -> npt.NDArray[np.float32]:
        """Embed pictures; see `PictureModel`."""
        if modalities is None and self._needs_modalities:
            raise DatasetError(
                f"{self.identity.name}: expected the modality of each picture, which this network needs, found none; "
                f"give modalities, 0 visible or 1 infrared"
            )
        embeddings = self._embedder(pictures, modalities)
        return unit_rows(embeddings) if self._projection is None else self._projection(embeddings)
