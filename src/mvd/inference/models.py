"""`open_model`: load any trained network as a callable that maps pictures to L2-normalised embeddings.

Importing this module imports no framework. onnxruntime runs ONNX files; PyTorch or MindSpore runs checkpoints.

Shapes: N pictures of H × W pixels, D width of an embedding.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt

from mvd.config.checks import require
from mvd.errors import CheckpointError, needing_torch, require_choice
from mvd.files.regular import real_path
from mvd.inference.identity import ModelIdentity
from mvd.inference.onnx_network import OnnxModel
from mvd.inference.pixels import ModalitiesLike, Picture
from mvd.metrics.calibration import Calibration
from mvd.weights.formats.files import is_onnx
from mvd.weights.hub import find_weights

if TYPE_CHECKING:
    from mvd.runs import RunData

RENDERED = "rendered"
"""The name of the model in the box."""

_BOX = Path(__file__).parents[1] / "box"


class PictureModel(Protocol):
    """A loaded network, as a callable that maps pictures to L2-normalised embeddings."""

    @property
    def identity(self) -> ModelIdentity:
        """Identity of the model, which its embeddings carry."""

    @property
    def size(self) -> tuple[int, int]:
        """(H, W), the input size."""

    @property
    def width(self) -> int:
        """D, the width of the embeddings."""

    @property
    def calibration(self) -> Calibration | None:
        """Calibration of its similarities; None if the model is not calibrated (`mvd calibrate`)."""

    @property
    def trained_on(self) -> RunData | None:
        """Data that the model was trained on; None if unknown."""

    def __call__(
        self, pictures: Picture | Sequence[Picture], modalities: ModalitiesLike | None = None
    ) -> npt.NDArray[np.float32]:
        """Embed pictures.

        Args:
            pictures: files and PIL images, which are rotated by their EXIF orientation and resized; or uint8 arrays
                (N, H, W, 3) or (N, 3, H, W), RGB. A single picture is treated as N = 1.
            modalities: a `Modality` for each picture, or one for all: 0 visible, 1 infrared.

        Returns:
            (N, D) float32, L2-normalised; compare by inner product.

        Raises:
            DatasetError: pictures have the wrong size or type, a file cannot be read, or modalities are invalid or
                required but missing.
        """


def open_model(
    source: str | Path,
    *,
    framework: Literal["auto", "pytorch", "mindspore"] = "auto",
    device: str = "auto",
    precision: str = "auto",
    batch: int = 0,
) -> PictureModel:
    """Load a trained network.

    Args:
        source: an ONNX file written by `mvd export`; a checkpoint; a run folder, for its best checkpoint; a model
            folder (`mvd push`); "OWNER/NAME" on the Hugging Face hub; or "rendered", the model in the box.
        framework: framework for a checkpoint; "auto" uses PyTorch if it is installed, otherwise MindSpore.
        device: "auto" for the first available; "cpu", "cuda", "cuda:1", …
        precision: "fp32", "tf32", "bf16", or "auto" for the network's own; only "auto" for an ONNX file.
        batch: batch size; 0 means 64, or 256 on a GPU or Ascend with PyTorch.

    Raises:
        CheckpointError: the file is damaged, or not a network of mvd.
        ConfigError: the device or precision is not available, a package is missing, or `batch` is negative.
        HubError: the hub has no such model, or cannot be reached.
        RunError: a run folder has no checkpoint.
    """
    return _open(source, framework, device, precision, batch, projected=True)


def open_whole(source: str | Path, *, device: str = "auto", precision: str = "auto", batch: int = 0) -> PictureModel:
    """Load a trained network without its projection; see `open_model`.

    Embeddings are L2-normalised. The projection of an ONNX file cannot be removed.
    """
    return _open(source, "auto", device, precision, batch, projected=False)


def _open(
    source: str | Path, framework: str, device: str, precision: str, batch: int, *, projected: bool
) -> PictureModel:
    require(batch >= 0, "batch", "0 or more", batch)
    require_choice("framework", framework, ("auto", "pytorch", "mindspore"))
    device = str(device)  # torch.device, too
    file = find_model(source)
    if file.suffix == ".onnx" or is_onnx(file):
        name = RENDERED if is_box(source) else None
        return OnnxModel(file, name=name, device=device, precision=precision, batch=batch)
    if framework == "mindspore" or (framework == "auto" and _only_mindspore()):
        from mvd.mindspore.inference.model import MindSporeModel

        return MindSporeModel(
            file, name=_name(source, file), device=device, precision=precision, batch=batch, projected=projected
        )
    with needing_torch(
        f"{source}: expected an ONNX model written by mvd export, or PyTorch to run its weights, found neither"
    ):
        from mvd.inference.torch_model import TorchModel
    return TorchModel(
        file, name=_name(source, file), device=device, precision=precision, batch=batch, projected=projected
    )


def find_model(source: str | Path) -> Path:
    """Find the file of a network, an ONNX file or a checkpoint, from a source as for `open_model`.

    Raises:
        CheckpointError: a folder is neither a run nor a model, or this build has no model in the box.
        ConfigError: the hub's library is not installed.
        HubError: the hub has no such model, or cannot be reached.
        RunError: a run folder has no checkpoint.
    """
    return box_model() if is_box(source) else find_weights(source)


def is_box(source: str | Path) -> bool:
    """Whether a source names the model in the box."""
    return str(source) == RENDERED and not Path(source).exists()


def box_model() -> Path:
    """Return the ONNX file of the model in the box.

    Raises:
        CheckpointError: this installation does not contain it.
    """
    found = sorted(_BOX.glob("*.onnx"), key=lambda file: file.stem != RENDERED)
    if not found:
        raise CheckpointError(
            f"{RENDERED}: expected the model in the box, this installation has none; name a run folder or an ONNX file"
        )
    return found[0]


def _only_mindspore() -> bool:
    return importlib.util.find_spec("torch") is None and importlib.util.find_spec("mindspore") is not None


def _name(source: str | Path, file: Path) -> str:
    """Return a model's display name: its name on the hub, its run or model folder, or the file's stem."""
    path = Path(source)
    if not path.exists():
        return str(source)
    if file.parent.name == "checkpoints":
        return real_path(file).parent.parent.name
    return (real_path(file).parent if path.is_dir() else file).stem
