"""Run exported ONNX models with onnxruntime, without PyTorch, on a CPU or a CUDA device.

Shapes: B batch, H × W pixels, N pictures, D width of an embedding.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mvd.errors import CheckpointError, ConfigError, DatasetError
from mvd.files.names import is_utf8
from mvd.inference.identity import ModelIdentity
from mvd.inference.kept import Calibrated, KeptCalibration
from mvd.inference.onnx_metadata import read_metadata
from mvd.inference.onnx_models import Pictures, make_inputs, require_onnx
from mvd.inference.pixels import ModalitiesLike, Picture, to_modalities, to_pictures
from mvd.metrics.distances import unit_rows
from mvd.runs import RunData

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_BATCH = 64  # default
_CHUNK = 1 << 20


class OnnxNetwork:
    """An ONNX model that maps batches of pictures to descriptors, without normalisation.

    Args:
        file: the ONNX file.
        device: "cpu" or "cuda"; "auto" uses CUDA if onnxruntime supports it.

    Attributes:
        inputs: shape of each input by name.

    Raises:
        CheckpointError: onnxruntime cannot load the file.
        ConfigError: onnxruntime is not installed, or does not support the device.
    """

    def __init__(self, file: Path, device: str = "cpu") -> None:
        require_onnx("onnxruntime")
        import onnxruntime

        there = onnxruntime.get_available_providers()
        kind, _, number = device.partition(":")
        if kind == "auto":
            kind = "cuda" if _PROVIDERS["cuda"] in there else "cpu"
        if _PROVIDERS.get(kind) not in there:
            have = [name for name, provider in _PROVIDERS.items() if provider in there]
            raise ConfigError(
                f"device: expected one that onnxruntime has here ({', '.join(have)}), found {device}; choose another, "
                f"or install onnxruntime-gpu"
            )
        options = {"device_id": number} if number else {}
        settings = onnxruntime.SessionOptions()
        settings.log_severity_level = 3  # errors only; its warnings concern its own optimisations
        threads = os.environ.get("OMP_NUM_THREADS", "")
        settings.intra_op_num_threads = int(threads) if threads.isdecimal() else 0  # 0: one per core
        try:
            self._session = onnxruntime.InferenceSession(
                # onnxruntime accepts only file names in UTF-8.
                str(file) if is_utf8(str(file)) else file.read_bytes(),
                settings,
                providers=[(_PROVIDERS[kind], options), *([_PROVIDERS["cpu"]] * (kind != "cpu"))],
            )
        # onnxruntime's errors have no common base class.
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(
                f"{file}: expected an ONNX model, onnxruntime could not load it ({reason}); export it again"
            ) from error
        self.inputs = {one.name: tuple(one.shape) for one in self._session.get_inputs()}

    def embed(self, pictures: Pictures, modalities: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Compute descriptors (N, D) float32 of batches of pictures (B, H, W, 3) uint8.

        `modalities` (N,), a `Modality` each, is used only by models with that input.
        """
        inputs = make_inputs(tuple(self.inputs), pictures, modalities)
        return np.concatenate([np.asarray(self._session.run(None, given)[0]) for given in inputs])


class OnnxModel(Calibrated):
    """An ONNX file of `mvd export` as a `PictureModel`.

    Args:
        file: the ONNX file.
        name: display name; by default the name in the metadata, or the file's stem.
        device: see `OnnxNetwork`.
        precision: must be "auto", since the precision of an ONNX file is fixed.
        batch: batch size; 0 means 64.

    Attributes:
        identity: identity of the model, with the fingerprint of the weights it was exported from.
        trained_on: data that the model was trained on; None if unknown.

    Raises:
        CheckpointError: the file was not written by `mvd export`.
        ConfigError: see `OnnxNetwork`; or `precision` is not "auto".
    """

    def __init__(
        self,
        file: Path,
        *,
        name: str | None = None,
        device: str = "auto",
        precision: str = "auto",
        batch: int = 0,
    ) -> None:
        if precision != "auto":
            raise ConfigError(
                f"precision: expected auto, since the precision of an ONNX file is fixed, found {precision}; choose "
                f"another file: mvd export --numbers fp16"
            )
        texts = read_metadata(file).texts
        self._network = OnnxNetwork(file, device)
        self._batch = batch or _BATCH
        self._file = file
        size = _size(self._network.inputs)
        if size is None or "use" not in texts:
            taken = ", ".join(f"{given} {list(shape)}" for given, shape in self._network.inputs.items())
            raise CheckpointError(
                f"{file}: expected an ONNX model written by mvd export, found another one, with inputs {taken}; export "
                f"a run: mvd export RUN"
            )
        self._needs_modalities = "modalities" in self._network.inputs
        blank = self._network.embed([np.zeros((1, *size, 3), np.uint8)], np.zeros(1, np.int64))
        self.identity = ModelIdentity(
            name=name or texts.get("name") or file.stem,
            fingerprint=texts.get("fingerprint") or _hash(file),
            width=blank.shape[1],
            size=size,
        )
        self.trained_on = _trained_on(file, texts)
        self._kept = KeptCalibration(file, self.identity.fingerprint, inside=True)

    def __call__(
        self, pictures: Picture | Sequence[Picture], modalities: ModalitiesLike | None = None
    ) -> npt.NDArray[np.float32]:
        """Embed pictures; see `PictureModel`."""
        source = to_pictures(pictures, self.size)
        if modalities is None and self._needs_modalities:
            raise DatasetError(
                f"{self._file}: expected the modality of each picture, which this network needs, found none; give "
                f"modalities, 0 visible or 1 infrared"
            )
        known = to_modalities(0 if modalities is None else modalities, len(source))
        if not len(source):
            return np.zeros((0, self.width), np.float32)
        return unit_rows(self._network.embed(source.batches(self._batch), known))


def _size(inputs: dict[str, tuple[Any, ...]]) -> tuple[int, int] | None:
    """Return the input size (H, W) of a model; None if its inputs are not pictures."""
    match inputs.get("pictures") or inputs.get("images"):
        case (_, int(height), int(width), 3) | (_, 3, int(height), int(width)):
            return height, width
    return None


def _hash(file: Path) -> str:
    """Hash an ONNX file of an older version, whose metadata lack the fingerprint of the weights."""
    with file.open("rb") as handle:
        digest = hashlib.sha256()
        while piece := handle.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def _trained_on(file: Path, texts: dict[str, str]) -> RunData | None:
    try:
        return RunData(**json.loads(texts["data"])) if "data" in texts else None
    except (ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"{file}: expected to read in it what it was trained on, found something else ({error}); export it again"
        ) from error
