"""Export a network as a MindIR program from pictures to descriptors, and run such a program.

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


class _Program(nn.Cell):
    """The exported cell: pre-processing, if inside, the network's embedding, and its projection, if there is one."""

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
    """Write a MindIR program; see `mvd.commands.engine.Engine.export`."""
    height, width = config.data.height, config.data.width
    with computing(config.runtime, "cpu"):
        program = _Program(load_network(config, classes, checkpoint), preprocessing, projection).set_train(False)
        if preprocessing == "inside":
            given = Tensor(shape=(None, height, width, 3), dtype=mindspore.uint8)
        else:
            given = Tensor(shape=(None, 3, height, width), dtype=mindspore.float32)
        mindspore.export(program, given, file_name=str(file), file_format="MINDIR")


class MindirNetwork:
    """A program of `mvd export --format mindir`, run by MindSpore on the CPU.

    Args:
        file: the program.
        preprocessing: what it was exported with.

    Raises:
        CheckpointError: MindSpore cannot load it.
    """

    def __init__(self, file: Path, preprocessing: Preprocessing) -> None:
        try:
            self._program = nn.GraphCell(mindspore.load(str(file)))
        except (RuntimeError, ValueError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(
                f"{file}: expected a MindIR program, MindSpore could not load it ({reason}); export it again"
            ) from error
        self._inside = preprocessing == "inside"

    def embed(self, pictures: Iterable[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        """Compute descriptors (N, D) float32 of batches of pictures (B, H, W, 3) uint8."""
        given = (Tensor(np.ascontiguousarray(batch) if self._inside else normalise(batch)) for batch in pictures)
        return np.concatenate([self._program(batch).asnumpy() for batch in given])
