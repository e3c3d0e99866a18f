"""CrossModalRetrieval: a metric object that collects embeddings batch by batch and computes CMC, mAP and mINP.

It works as the metrics of torchmetrics do, on torch tensors or NumPy arrays, without importing torch.

Shapes: B pictures in a batch, N pictures, D width of an embedding.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from mvd.data.permutations import Permutations
from mvd.data.samples import Modality, Samples
from mvd.errors import ProtocolError
from mvd.metrics.features import Features
from mvd.metrics.protocols import Protocol, find_protocol
from mvd.metrics.rerank import Reranking
from mvd.metrics.scores import Scores, evaluate

ArrayOrTensor: TypeAlias = Any
"""A torch tensor on any device, or whatever `numpy.asarray` takes."""


class RetrievalFigures(dict[str, float]):
    """Named figures from 0 to 1: "rank-1", "rank-5", "rank-10", "rank-20", "mAP" and "mINP".

    Where a protocol has several trials, these are means, and "rank-1_std" … "mINP_std" are the population standard
    deviations over trials.

    Attributes:
        scores: the scores that the figures summarise: CMC, mAP and mINP of each trial, and the numbers of pictures.
    """

    def __init__(self, scores: Scores) -> None:
        deviations = scores.std.named() if scores.trials > 1 else {}
        super().__init__(scores.mean.named() | {f"{name}_std": value for name, value in deviations.items()})
        self.scores = scores

    @property
    def protocol(self) -> str:
        """The name of the protocol that the figures belong to."""
        return self.scores.protocol


class _Rows(NamedTuple):
    """Some pictures: (B, D) float32, three times (B,) int64, and (B,) paths if they are given."""

    embeddings: npt.NDArray[np.float32]
    identities: npt.NDArray[np.int64]
    cameras: npt.NDArray[np.int64]
    modalities: npt.NDArray[np.int64]
    paths: npt.NDArray[np.str_] | None


class CrossModalRetrieval:
    """CMC, mAP and mINP of visible–infrared retrieval, accumulated over batches.

    Embeddings are compared by cosine. `update` with all test pictures, queries and gallery, of both modalities; the
    protocol chooses who is a query and who is in the gallery.

    Order matters for drawn galleries (SYSU-MM01 and LLCM, "seeded" and "official") and for ties. Pictures are taken in
    the order of `update`, but published galleries are drawn from the sorted files of each person and camera. Pass
    `paths`, and pictures are sorted by identity, camera and path.

    In a process group (`torch.distributed`), `compute` gathers the pictures of all processes; all of them have to call
    it, and all get the same figures. Pictures are then taken process by process, and those that a `DistributedSampler`
    repeats to fill its last batch count twice. Pass `paths`, and each picture is sorted into its place and taken once.

    Args:
        protocol: a name as `mvd protocols` lists them, such as "sysu/all-search/single-shot/seeded",
            "regdb/visible-to-thermal/trial-1" or "own/infrared-to-visible", or a `Protocol`.
        permutations: SYSU-MM01's official galleries, for protocols that use them
            (`mvd.data.permutations.load_permutations`).
        reranking: parameters of k-reciprocal re-ranking; None ranks by cosine distance alone.

    Raises:
        ProtocolError: there is no protocol of that name.

    Example:
        >>> metric = CrossModalRetrieval("own/infrared-to-visible")
        >>> metric.update(np.eye(3), identities=[1, 2, 3], modalities="visible")
        >>> metric.update(np.eye(3)[:2] + 0.1, identities=[1, 2], modalities="infrared")
        >>> figures = metric.compute()
        >>> figures.protocol, figures["rank-1"], figures["mAP"]
        ('own/infrared-to-visible', 1.0, 1.0)
    """

    def __init__(
        self,
        protocol: str | Protocol,
        *,
        permutations: Permutations | None = None,
        reranking: Reranking | None = None,
    ) -> None:
        self.protocol = find_protocol(protocol) if isinstance(protocol, str) else protocol
        self._permutations = permutations
        self._reranking = reranking
        self._rows: list[_Rows] = []

    def __len__(self) -> int:
        """The number of pictures that this process has added."""
        return sum(len(rows.identities) for rows in self._rows)

    def reset(self) -> None:
        """Remove all pictures."""
        self._rows.clear()

    def update(
        self,
        embeddings: ArrayOrTensor,
        identities: ArrayOrTensor,
        cameras: ArrayOrTensor | None = None,
        modalities: ArrayOrTensor | str | Modality | None = None,
        paths: Sequence[str] | None = None,
    ) -> None:
        """Add a batch of any size; its data are copied to the CPU.

        Args:
            embeddings: (B, D), any float type, finite, of any length.
            identities: (B,) integers, the person on each picture.
            cameras: (B,) integers, the data set's numbers from 1, 0 where unknown; None where the protocol needs none.
            modalities: (B,), 0 visible and 1 infrared; or one of "visible" and "infrared" for the whole batch.
            paths: (B,) unique names of the pictures, by which they are sorted; for all batches or for none.

        Raises:
            ProtocolError: a shape, type or value is not as above; nothing is added then.
        """
        features = _array(embeddings).astype(np.float32)
        if features.ndim != 2 or features.shape[1] == 0:
            raise ProtocolError(f"embeddings: expected the shape (B, D), found {features.shape}")
        if self._rows and features.shape[1] != self._rows[0].embeddings.shape[1]:
            raise ProtocolError(
                f"embeddings: expected the width {self._rows[0].embeddings.shape[1]} of the batches before, "
                f"found {features.shape[1]}"
            )
        bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
        if bad.size:
            raise ProtocolError(
                f"embeddings: expected finite numbers, found NaN or infinity in row {bad[0]} "
                f"({bad.size} of {len(features)} rows); check the network"
            )
        if cameras is None and self.protocol.needs_cameras:
            raise ProtocolError(f"cameras: expected the camera of each picture, as {self.protocol.name} needs them")
        count = len(features)
        rows = _Rows(
            features,
            _integers("identities", identities, count),
            np.zeros(count, np.int64) if cameras is None else _integers("cameras", cameras, count),
            _modalities(modalities, count),
            None if paths is None else np.array([str(path) for path in paths], dtype=np.str_),
        )
        if rows.paths is not None and len(rows.paths) != count:
            raise ProtocolError(f"paths: expected {count}, one per embedding, found {len(rows.paths)}")
        if self._rows and (self._rows[0].paths is None) != (paths is None):
            raise ProtocolError("paths: expected them for all batches or for none; reset before changing it")
        self._rows.append(rows)

    def compute(self) -> RetrievalFigures:
        """Compute the figures of all pictures so far, of all processes; the pictures are kept.

        Raises:
            ProtocolError: there are no pictures, or they do not fit the protocol: no queries, no gallery, or no query
                with a match in the gallery.
        """
        rows = [one for one in _gathered(self._rows) if len(one.identities)]
        if not rows:
            raise ProtocolError("expected pictures to evaluate, found none; call update before compute")
        widths = {one.embeddings.shape[1] for one in rows}
        if len(widths) > 1 or len({one.paths is None for one in rows}) > 1:
            raise ProtocolError("expected embeddings of one width, and paths for all or none, in all processes")
        embeddings, identities, cameras, modalities = (
            np.concatenate([one[column] for one in rows]) for column in range(4)
        )
        order = np.arange(len(identities))
        paths = np.char.zfill(order.astype(np.str_), 12)  # sorted as they are added
        if rows[0].paths is not None:
            paths = np.concatenate([one.paths for one in rows if one.paths is not None])
            _, once = np.unique(paths, return_index=True)
            order = once[np.lexsort((paths[once], cameras[once], identities[once]))]
        samples = Samples(paths=paths, identities=identities, cameras=cameras, modalities=modalities).take(order)
        features = Features(descriptors=embeddings[order], samples=samples)
        return RetrievalFigures(evaluate(features, self.protocol, self._permutations, reranking=self._reranking))


def _gathered(rows: list[_Rows]) -> list[_Rows]:
    """Gather the rows of all processes, in the order of the processes; of this one if there is no process group."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not (distributed.is_available() and distributed.is_initialized()):
        return rows
    everyone: list[list[_Rows]] = [[] for _ in range(distributed.get_world_size())]
    distributed.all_gather_object(everyone, rows)
    return [one for process in everyone for one in process]


def _array(values: ArrayOrTensor) -> npt.NDArray[Any]:
    """Copy a tensor or an array into a NumPy array."""
    if hasattr(values, "detach"):
        values = values.detach()
        if str(values.dtype) == "torch.bfloat16":  # NumPy has no such type
            values = values.float()
        values = values.cpu().numpy()
    return np.array(values)


def _integers(name: str, values: ArrayOrTensor, count: int) -> npt.NDArray[np.int64]:
    found = _array(values)
    if found.shape != (count,) or (count and found.dtype.kind not in "iu"):
        raise ProtocolError(
            f"{name}: expected integers of shape ({count},), one per embedding, found {found.dtype} {found.shape}"
        )
    return found.astype(np.int64)


def _modalities(values: ArrayOrTensor | str | Modality | None, count: int) -> npt.NDArray[np.int64]:
    if isinstance(values, str) and values.upper() in Modality.__members__:
        values = Modality[values.upper()]
    if isinstance(values, Modality):
        return np.full(count, values, np.int64)
    if values is None or isinstance(values, str):
        raise ProtocolError(
            f'modalities: expected "visible", "infrared" or a number for each picture, found {values!r}'
        )
    found = _integers("modalities", values, count)
    if unknown := sorted(set(found.tolist()) - set(Modality)):
        raise ProtocolError(f"modalities: expected 0 (visible) or 1 (infrared), found {unknown[0]}")
    return found
