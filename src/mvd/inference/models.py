"""`open_model`: any trained network as a function from pictures to unit vectors.

Importing this imports no framework. ONNX programs are run by onnxruntime, checkpoints by PyTorch or MindSpore.

Shapes: N pictures of H × W pixels, D width of an embedding.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt

from mvd.errors import CheckpointError, needing_torch
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
    """A trained network, loaded once, as a function from pictures to unit vectors."""

    @property
    def identity(self) -> ModelIdentity:
        """What tells its embeddings from another model's."""

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the pictures that it takes."""

    @property
    def width(self) -> int:
        """D."""

    @property
    def calibration(self) -> Calibration | None:
        """What its similarities mean; None if it was not calibrated (`mvd calibrate`)."""

    @property
    def trained_on(self) -> RunData | None:
        """What it was trained on; None if it is not known."""

    def __call__(
        self, pictures: Picture | Sequence[Picture], modalities: ModalitiesLike | None = None
    ) -> npt.NDArray[np.float32]:
        """Embed pictures.

        Args:
            pictures: files and PIL images, which are turned upright and resized; or uint8 arrays (N, H, W, 3) or
                (N, 3, H, W), RGB. One picture alone is N = 1.
            modalities: a `Modality` for each picture, or one for all: 0 visible, 1 infrared.

        Returns:
            (N, D) float32 of length 1, to be compared by inner product.

        Raises:
            DatasetError: pictures have another size or type, a file cannot be read, or modalities do not fit or are
                needed and missing.
        """


def open_model(
    source: str | Path,
    *,
    framework: Literal["auto", "pytorch", "mindspore"] = "auto",
    device: str = "auto",
    precision: str = "auto",
    batch: int = 64,
) -> PictureModel:
    """Open a trained network.

    Args:
        source: a program that `mvd export` wrote; a checkpoint; a run folder, for its best checkpoint; the folder of a
            model (`mvd push`); "OWNER/NAME" on the Hugging Face hub; or "rendered", the model in the box.
        framework: what computes a checkpoint; "auto" is PyTorch where it is installed, and MindSpore where that alone
            is.
        device: "auto" for the first that is there; "cpu", "cuda", "cuda:1", …
        precision: "fp32", "tf32", "bf16", or "auto" for the network's own; "auto" for a program.
        batch: pictures in a batch.

    Raises:
        CheckpointError: it is damaged, or no network of ours.
        ConfigError: the device or its precision is not there, or a package is missing.
        HubError: the hub has no such model, or cannot be reached.
        RunError: a run folder has no checkpoint.
    """
    return _open(source, framework, device, precision, batch, projected=True)


def open_whole(source: str | Path, *, device: str = "auto", precision: str = "auto", batch: int = 64) -> PictureModel:
    """Open a trained network without the projection that is kept with it; see `open_model`.

    Embeddings have length 1. A program has its projection in it.
    """
    return _open(source, "auto", device, precision, batch, projected=False)


def _open(
    source: str | Path, framework: str, device: str, precision: str, batch: int, *, projected: bool
) -> PictureModel:
    file = find_model(source)
    if file.suffix == ".onnx" or is_onnx(file):
        name = RENDERED if _is_box(source) else None
        return OnnxModel(file, name=name, device=device, precision=precision, batch=batch)
    if framework == "mindspore" or (framework == "auto" and _only_mindspore()):
        from mvd.mindspore.inference.model import MindSporeModel

        return MindSporeModel(
            file, name=_name(source, file), device=device, precision=precision, batch=batch, projected=projected
        )
    with needing_torch(
        f"{source}: expected a program that mvd export wrote, or PyTorch to run its weights, found neither"
    ):
        from mvd.inference.torch_model import TorchModel
    return TorchModel(
        file, name=_name(source, file), device=device, precision=precision, batch=batch, projected=projected
    )


def find_model(source: str | Path) -> Path:
    """Find the file of a network: an ONNX program, or its weights; what `open_model` takes.

    Raises:
        CheckpointError: a folder is neither a run nor a model, or this build has no model in the box.
        ConfigError: the hub's library is not installed.
        HubError: the hub has no such model, or cannot be reached.
        RunError: a run folder has no checkpoint.
    """
    return box_model() if _is_box(source) else find_weights(source)


def _is_box(source: str | Path) -> bool:
    return str(source) == RENDERED and not Path(source).exists()


def box_model() -> Path:
    """Return the file of the model in the box.

    Raises:
        CheckpointError: this build has none.
    """
    found = sorted(_BOX.glob("*.onnx"), key=lambda file: file.stem != RENDERED)
    if not found:
        raise CheckpointError(
            f"{RENDERED}: expected the model in the box, this build has none; name a run folder or a program instead"
        )
    return found[0]


def _only_mindspore() -> bool:
    return importlib.util.find_spec("torch") is None and importlib.util.find_spec("mindspore") is not None


def _name(source: str | Path, file: Path) -> str:
    """Name a model for people: a hub's name as it is, the folder of a run or a model, else the file's stem."""
    path = Path(source)
    if not path.exists():
        return str(source)
    if file.parent.name == "checkpoints":
        return real_path(file).parent.parent.name
    return (real_path(file).parent if path.is_dir() else file).stem
