"""Export a network to MindIR, as a model that maps pictures to descriptors, and run such a model.

Shapes: B batch, H × W pixels, N pictures, D width of a descriptor.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import mindspore
import numpy as np
import numpy.typing as npt
from mindspore import Tensor, nn, ops

from mvd.config import RunConfig
from mvd.data.images import MEAN, STD, Preprocessing
from mvd.errors import CheckpointError
from mvd.metrics.projection import Projection
from mvd.mindspore.device import computing
from mvd.mindspore.inference.embed import load_network
from mvd.mindspore.models.arithmetic import unit_rows
from mvd.mindspore.models.factory import Network
from mvd.mindspore.training.augment import normalise

_BATCH = 64  # default, if `runtime.embed_batch` is not set


class _Program(nn.Cell):
    """The cell to export: optional pre-processing, the network, and the projection, if there is one."""

    def __init__(self, network: Network, preprocessing: Preprocessing, projection: Projection | None) -> None:
        super().__init__(auto_prefix=False)
        self.network = network
        self.inside = preprocessing == "inside"
        self.mean = Tensor(np.array(MEAN, np.float32) * 255)
        self.std = Tensor(np.array(STD, np.float32) * 255)
        self.projected = projection is not None
        if projection is not None:
            self.centre, self.matrix = Tensor(projection.mean), Tensor(projection.matrix)

    def construct(self, pictures: Tensor) -> Tensor:
        if self.inside:
            pictures = ops.transpose((ops.cast(pictures, mindspore.float32) - self.mean) / self.std, (0, 3, 1, 2))
        embeddings = self.network.embed(pictures)
        if self.projected:
            embeddings = unit_rows(ops.matmul(unit_rows(embeddings) - self.centre, self.matrix))
        return embeddings


def export(
    config: RunConfig,
    classes: int,
    checkpoint: Path | None,
    file: Path,
    *,
    preprocessing: Preprocessing,
    projection: Projection | None = None,
) -> None:
    """Write a MindIR file; see `mvd.commands.engine.Engine.export`."""
    height, width = config.data.height, config.data.width
    with computing(config.runtime, "cpu"):
        program = _Program(load_network(config, classes, checkpoint), preprocessing, projection).set_train(False)
        # Fixed batch size: MindSpore 2.10 cannot load its own export with a dynamic one.
        size = program_batch(config)
        if preprocessing == "inside":
            given = Tensor(np.zeros((size, height, width, 3), np.uint8))
        else:
            given = Tensor(np.zeros((size, 3, height, width), np.float32))
        mindspore.export(program, given, file_name=str(file), file_format="MINDIR")


def program_batch(config: RunConfig) -> int:
    """Return B, the batch size of a run's MindIR export."""
    return config.runtime.embed_batch or _BATCH


class MindirNetwork:
    """A MindIR file of `mvd export --format mindir`, run by MindSpore on the CPU.

    Args:
        file: the MindIR file.
        preprocessing: the pre-processing that it was exported with.
        size: B, the batch size that it was exported with.

    Raises:
        CheckpointError: MindSpore cannot load the file.
    """

    def __init__(self, file: Path, preprocessing: Preprocessing, size: int) -> None:
        try:
            self._program = nn.GraphCell(mindspore.load(str(file)))
        except (RuntimeError, ValueError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(
                f"{file}: expected a MindIR program, MindSpore could not load it ({reason}); export it again"
            ) from error
        self._inside = preprocessing == "inside"
        self._size = size

    def embed(self, pictures: Iterable[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        """Compute descriptors (N, D) float32 of batches of up to B pictures, (B, H, W, 3) uint8."""
        parts = []
        for batch in pictures:
            filled = np.concatenate([batch, np.zeros((self._size - len(batch), *batch.shape[1:]), np.uint8)])
            given = Tensor(filled if self._inside else normalise(filled))
            parts.append(self._program(given).asnumpy()[: len(batch)])
        return np.concatenate(parts)
