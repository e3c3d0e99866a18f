"""A checkpoint as a `mvd.inference.PictureModel`, run by MindSpore.

Shapes: N pictures of H × W pixels, D width of an embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mvd.config import RuntimeConfig
from mvd.data.pictures import PictureArray, Pictures
from mvd.errors import ConfigError
from mvd.inference.identity import ModelIdentity, fingerprint_projected, fingerprint_weights
from mvd.inference.kept import Calibrated, KeptCalibration, kept_projection
from mvd.inference.pixels import ModalitiesLike, Picture, to_modalities, to_pictures
from mvd.metrics.distances import unit_rows
from mvd.mindspore.device import computing, resolve_device
from mvd.mindspore.inference.embed import Embedding, embed_pictures
from mvd.mindspore.models.state import initial_network, restore_network
from mvd.runs import RunData, load_checkpoint, read_config, read_trained_on
from mvd.weights import count_classes
from mvd.weights.formats.files import foreign_weights


class MindSporeModel(Calibrated):
    """A checkpoint of either framework as a `mvd.inference.PictureModel`.

    Args:
        file: the checkpoint.
        name: display name.
        device: "auto" for Ascend if available, otherwise the CPU; "cpu", "npu", "npu:1".
        precision: "auto" or "fp32".
        batch: batch size, for which a graph is compiled; 0 means 64.
        projected: whether to apply the projection saved with the weights.

    Attributes:
        identity: identity of the model; the same as with these weights in PyTorch.
        trained_on: data that the model was trained on; None if unknown.

    Raises:
        CheckpointError: the file is damaged, or not a network of mvd with its configuration.
        ConfigError: the device is not available, or the precision or the network is not supported in MindSpore.
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
        if precision not in ("auto", "fp32"):
            raise ConfigError(f"precision: expected auto or fp32 with framework mindspore, found {precision}")
        config = read_config(file)
        if config is None:
            raise foreign_weights(file)
        self._device = resolve_device(device)
        self._runtime = replace(RuntimeConfig(), embed_batch=batch, compile=config.runtime.compile)
        tensors, _ = load_checkpoint(file)
        with computing(self._runtime, self._device):
            network = initial_network(config, count_classes(tensors))
            restore_network(network, tensors, file)
        self._embedding = Embedding(network)
        weights, size = fingerprint_weights(tensors, config), (config.data.height, config.data.width)
        self._projection = kept_projection(file, weights) if projected else None
        blank = self._embed(PictureArray(np.zeros((1, *size, 3), np.uint8)))
        self.identity = ModelIdentity(
            name=name,
            fingerprint=fingerprint_projected(weights, self._projection),
            width=blank.shape[1] if self._projection is None else self._projection.width,
            size=size,
        )
        self.trained_on: RunData | None = read_trained_on(file)
        self._kept = KeptCalibration(file, self.identity.fingerprint)

    def __call__(
        self, pictures: Picture | Sequence[Picture], modalities: ModalitiesLike | None = None
    ) -> npt.NDArray[np.float32]:
        """Embed pictures; see `mvd.inference.PictureModel`."""
        found = to_pictures(pictures, self.size)
        if modalities is not None:
            to_modalities(modalities, len(found))  # only to validate them: no network here needs modalities
        if not len(found):
            return np.zeros((0, self.width), np.float32)
        embeddings = self._embed(found)
        return unit_rows(embeddings) if self._projection is None else self._projection(embeddings)

    def _embed(self, pictures: Pictures) -> npt.NDArray[np.float32]:
        with computing(self._runtime, self._device):
            return embed_pictures(self._embedding, self._runtime, pictures)
