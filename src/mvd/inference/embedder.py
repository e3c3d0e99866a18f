"""Embedder: a trained network that maps pictures of people to embeddings.

Shapes: N pictures of H × W pixels, D width of an embedding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mvd import distributed
from mvd.config import RunConfig, RuntimeConfig
from mvd.data.pictures import PictureArray, Pictures
from mvd.data.samples import Modality
from mvd.errors import ConfigError, DatasetError, argument_names, require_choice
from mvd.files.several import several
from mvd.inference import pixels
from mvd.inference.embed import embed_pictures
from mvd.inference.identity import fingerprint_weights
from mvd.inference.pixels import to_modalities, to_pictures
from mvd.models.factory import Encoder, Network, build_network
from mvd.models.state import restore_network
from mvd.runs import Card, load_checkpoint, read_card, read_config
from mvd.runtime.defaults import torch_defaults
from mvd.runtime.device import memory_format, resolve_device
from mvd.runtime.precision import check_precision, numerics, resolve_precision
from mvd.weights import count_classes
from mvd.weights.formats.files import foreign_weights
from mvd.weights.hub import find_weights

Precision: TypeAlias = Literal["auto", "fp32", "tf32", "bf16"]
Picture: TypeAlias = pixels.Picture | Tensor
ModalitiesLike: TypeAlias = pixels.ModalitiesLike | Tensor


class Embedder:
    """Embed pictures of people with a trained network; compare the embeddings by cosine similarity.

    The network stays on its device, in eval mode. Files and PIL images are converted to RGB, rotated by their EXIF
    orientation and resized as for evaluation. Arrays and tensors must be RGB, uint8 from 0 to 255, of the network's
    input size. A network with modality-specific stems (AGW) needs the modality of each picture; others ignore it.

    Args:
        network: the network; it is moved to the device.
        config: the configuration of its training; `config.data` determines H × W.
        card: its model card, if it has one.
        device: "auto" for the first available of CUDA, Ascend, MPS and CPU; or a device as for `torch.device`.
        precision: "fp32", "tf32" or "bf16"; "auto" uses the configuration's, or fp32 if the device does not support it.
            If that is "auto", too, it is bf16 on CUDA from Ampere on and on Ascend, as in training and evaluation.
        batch: batch size; 0 means 64 on a CPU and 256 elsewhere.

    Attributes:
        config: the configuration of the network's training.
        card: its model card, or None.
        size: (H, W), the input size.
        width: D.
        fingerprint: fingerprint of the loaded weights; empty if the embedder was constructed from a network.

    Raises:
        ConfigError: the device is not available, or does not support the precision; or `batch` is negative.

    >>> from mvd.config import DataConfig, ModelConfig
    >>> from mvd.models.factory import build_network
    >>> config = RunConfig(model=ModelConfig(arch="resnet18", base_width=4), data=DataConfig(height=64, width=32))
    >>> embedder = Embedder(build_network(config.model, classes=3), config, device="cpu")
    >>> embedder.size, embedder.width
    ((64, 32), 128)
    >>> embedder(np.zeros((5, 64, 32, 3), np.uint8)).shape
    (5, 128)
    >>> embedder(torch.zeros(5, 3, 64, 32))
    Traceback (most recent call last):
    mvd.errors.DatasetError: pictures: expected uint8, 0 to 255, found float32; give them as decoded, not scaled
    """

    @torch_defaults()
    def __init__(
        self,
        network: Network,
        config: RunConfig,
        *,
        card: Card | None = None,
        device: str | torch.device = "auto",
        precision: Precision = "auto",
        batch: int = 0,
    ) -> None:
        self.config = config
        self.card = card
        self.fingerprint = ""
        self.size = config.data.height, config.data.width
        require_choice("precision", precision, get_args(Precision))
        with argument_names():
            self._device = resolve_device(str(device))
            self._runtime = _runtime(config.runtime, self._device, precision, batch)
        # PyTorch's stubs lack this argument of `Module.to`.
        self._network = network.to(device=self._device, memory_format=memory_format(self._runtime))  # type: ignore[call-overload]
        self.width: int = self._embed(PictureArray(np.zeros((1, *self.size, 3), np.uint8)), Modality.VISIBLE).shape[1]

    @classmethod
    @torch_defaults()
    def from_pretrained(
        cls,
        source: str | Path,
        *,
        device: str | torch.device = "auto",
        precision: Precision = "auto",
        batch: int = 0,
        revision: str | None = None,
        encoder: Encoder | None = None,
    ) -> Embedder:
        """Load a trained network.

        Args:
            source: a checkpoint of mvd; a run folder, for its best checkpoint; a model folder (`mvd push`); or
                "OWNER/NAME" on the Hugging Face hub.
            device: see `Embedder`; independent of the device of the training.
            precision: see `Embedder`.
            batch: batch size; 0 means 64 on a CPU and 256 elsewhere.
            revision: branch, tag or commit on the hub.
            encoder: the encoder, if the network was trained with a custom one (`ModelConfig.encoder`), as for
                `mvd.create_model`. It must be passed, because code named in a file is never run.

        Raises:
            CheckpointError: the file is damaged, or not a network of mvd with its configuration.
            ConfigError: the device or precision is not available, the hub's library is not installed, or a custom
                encoder was not passed.
            HubError: the hub has no such model, or cannot be reached.
            RunError: a run folder has no checkpoint.
        """
        file = find_weights(source, revision)
        config = read_config(file)
        if config is None:
            raise foreign_weights(file)
        if config.model.encoder is not None and encoder is None:
            raise ConfigError(
                f"{file}: expected its custom encoder, {config.model.encoder}, found none; pass it as encoder="
            )
        tensors, _ = load_checkpoint(file)
        with torch.random.fork_rng(devices=[]):  # keep the caller's random state; the weights are replaced
            network = build_network(config.model, count_classes(tensors), encoder)
        restore_network(network, tensors, file)
        loaded = cls(network, config, card=read_card(file), device=device, precision=precision, batch=batch)
        loaded.fingerprint = fingerprint_weights(tensors, config)
        return loaded

    def __call__(
        self, pictures: Picture | Sequence[Picture], modalities: ModalitiesLike | None = None
    ) -> npt.NDArray[np.float32]:
        """Embed pictures.

        Args:
            pictures: an array or a tensor (N, H, W, 3) or (N, 3, H, W) uint8, RGB, on any device; or a list of files,
                PIL images, or arrays of one picture each. A single picture is treated as N = 1.
            modalities: a `Modality` for each picture, or one for all: 0 visible, 1 infrared.

        Returns:
            (N, D) float32, normalised like the network's descriptor: each of its parts, or the whole, to length 1.

        Raises:
            DatasetError: pictures have the wrong size or type, a file cannot be read, or modalities are invalid.
            ConfigError: the network needs modalities.
        """
        if isinstance(pictures, Tensor):
            return self._embed(to_pictures(_array(pictures), self.size), modalities)
        if not isinstance(pictures, Iterable) or isinstance(pictures, str | np.ndarray):
            return self._embed(to_pictures(pictures, self.size), modalities)
        arrays = [_array(one) if isinstance(one, Tensor) else one for one in pictures]
        return self._embed(to_pictures(arrays, self.size), modalities)

    def embed_files(
        self, paths: str | Path | Iterable[str | Path], modalities: ModalitiesLike | None = None
    ) -> npt.NDArray[np.float32]:
        """Embed N picture files, reading one batch ahead; see `__call__`.

        Raises:
            DatasetError: a file is not a picture, or cannot be read.
        """
        return self._embed(to_pictures(list(several(paths)), self.size), modalities)

    def _embed(self, pictures: Pictures, modalities: ModalitiesLike | None) -> npt.NDArray[np.float32]:
        if isinstance(modalities, Tensor):
            modalities = modalities.cpu().numpy()
        known = None if modalities is None else to_modalities(modalities, len(pictures))
        if not len(pictures):
            return np.zeros((0, self.width), np.float32)
        with torch_defaults(), distributed.alone(), numerics(self._runtime, self._device):
            return embed_pictures(self._network, self._runtime, pictures, known)


def _array(pictures: Tensor) -> npt.NDArray[np.uint8]:
    if pictures.dtype != torch.uint8:
        kind = str(pictures.dtype).removeprefix("torch.")
        raise DatasetError(f"pictures: expected uint8, 0 to 255, found {kind}; give them as decoded, not scaled")
    return pictures.cpu().numpy()


def _runtime(runtime: RuntimeConfig, device: torch.device, precision: Precision, batch: int) -> RuntimeConfig:
    chosen = replace(runtime, device=str(device), embed_batch=batch)
    if precision != "auto":
        chosen = replace(chosen, precision=precision)
    try:
        check_precision(chosen, device)
    except ConfigError:
        if precision != "auto":
            raise
        chosen = replace(chosen, precision="fp32")
    return resolve_precision(chosen, device)
