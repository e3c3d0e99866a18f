"""CrossModalRetrieval: a metric object that collects embeddings batch by batch and computes CMC, mAP and mINP.

It works like the metrics of torchmetrics, on torch tensors or NumPy arrays, without importing torch.

Shapes: B pictures in a batch, N pictures, D width of an embedding.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from mvd.data.galleries.official import Permutations
from mvd.data.samples import Modality, Samples, concatenate
from mvd.errors import ProtocolError
from mvd.metrics.features import Features
from mvd.metrics.protocols import Protocol, find_protocol
from mvd.metrics.rerank import Reranking
from mvd.metrics.scores import Scores, evaluate

ArrayOrTensor: TypeAlias = Any
"""A torch tensor on any device, or any argument of `numpy.asarray`."""


class RetrievalFigures(dict[str, float]):
    """Named figures from 0 to 1: "rank-1", "rank-5", "rank-10", "rank-20", "mAP" and "mINP".

    If a protocol has several trials, these are means, and "rank-1_std" … "mINP_std" are the population standard
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
        """The name of the protocol."""
        return self.scores.protocol


class _Batch(NamedTuple):
    """Pictures of one `update`, and whether their paths are given."""

    features: Features
    named: bool


class CrossModalRetrieval:
    """CMC, mAP and mINP of visible–infrared retrieval, accumulated over batches.

    Embeddings are compared by cosine. `update` with all test pictures, queries and gallery, of both modalities; the
    protocol selects queries and gallery.

    Order matters for drawn galleries (SYSU-MM01 and LLCM, "seeded" and "official") and for ties. By default pictures
    are in the order of `update`, but published galleries are drawn from the sorted files of each person and camera.
    With `paths`, pictures are sorted by identity, camera and path.

    In a process group (`torch.distributed`), `compute` gathers the pictures of all processes; all processes must call
    it, and all get the same figures. By default pictures are then ordered by process, and pictures that a
    `DistributedSampler` repeats to fill its last batch count twice. With `paths`, pictures are sorted and each counts
    once.

    Args:
        protocol: a `Protocol`, or a name in the list of `mvd protocols`, such as "sysu/all-search/single-shot/seeded",
            "regdb/visible-to-thermal/trial-1" or "own/infrared-to-visible".
        permutations: SYSU-MM01's official galleries, for protocols that use them
            (`mvd.data.galleries.official.load_permutations`).
        reranking: parameters of k-reciprocal re-ranking; None ranks by cosine distance only.

    Raises:
        ProtocolError: there is no protocol of that name, or `reranking` is something else.

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
        if reranking is not None and not isinstance(reranking, Reranking):
            raise ProtocolError(f"reranking: expected a Reranking, such as Reranking(), found {reranking!r}")
        self.protocol = find_protocol(protocol) if isinstance(protocol, str) else protocol
        self._permutations = permutations
        self._reranking = reranking
        self._batches: list[_Batch] = []

    def __len__(self) -> int:
        """The number of pictures that this process has added."""
        return sum(len(batch.features) for batch in self._batches)

    def reset(self) -> None:
        """Remove all pictures."""
        self._batches.clear()

    def update(
        self,
        embeddings: ArrayOrTensor,
        identities: ArrayOrTensor,
        cameras: ArrayOrTensor | None = None,
        modalities: ArrayOrTensor | str | Modality | None = None,
        paths: Sequence[str] | None = None,
    ) -> None:
        """Add a batch of any size; the data are copied to the CPU.

        Args:
            embeddings: (B, D), any float type, finite, of any length.
            identities: (B,) integers, the person on each picture; -1 for junk: a distractor in the gallery,
                never a query.
            cameras: (B,) integers, camera numbers from 1, 0 if unknown; None if the protocol needs no cameras.
            modalities: (B,), 0 visible and 1 infrared; or one of "visible" and "infrared" for the whole batch.
            paths: (B,) unique names of the pictures, for sorting; for all batches or for none.

        Raises:
            ProtocolError: a shape, type or value is invalid; then nothing is added.
        """
        descriptors = _array(embeddings)
        if descriptors.ndim != 2 or descriptors.shape[1] == 0:
            raise ProtocolError(f"embeddings: expected the shape (B, D), found {descriptors.shape}")
        count, width = descriptors.shape
        if self._batches and width != (before := self._batches[0].features.descriptors.shape[1]):
            raise ProtocolError(f"embeddings: expected the width {before} of the batches before, found {width}")
        if paths is not None and len(paths) != count:
            raise ProtocolError(f"paths: expected {count}, one per embedding, found {len(paths)}")
        if self._batches and self._batches[0].named != (paths is not None):
            raise ProtocolError("paths: expected them for all batches or for none; reset before changing it")
        if cameras is None and self.protocol.needs_cameras:
            raise ProtocolError(f"cameras: expected the camera of each picture, as {self.protocol.name} needs them")
        names = [f"row {len(self) + row}" for row in range(count)] if paths is None else [str(path) for path in paths]
        samples = Samples(
            paths=np.array(names, np.str_),
            identities=_integers("identities", identities, count),
            cameras=np.zeros(count, np.int64) if cameras is None else _integers("cameras", cameras, count),
            modalities=_modalities(modalities, count),
        )
        self._batches.append(_Batch(Features(descriptors=descriptors, samples=samples), paths is not None))

    def compute(self) -> RetrievalFigures:
        """Compute the figures of all pictures so far, from all processes; the pictures are kept.

        Raises:
            ProtocolError: there are no pictures, or they do not fit the protocol: no queries, no gallery, or no query
                with a match in the gallery.
        """
        batches = [batch for batch in _gathered(self._batches) if len(batch.features)]
        if not batches:
            raise ProtocolError("expected pictures to evaluate, found none; call update before compute")
        if len({(batch.features.descriptors.shape[1], batch.named) for batch in batches}) > 1:
            raise ProtocolError("expected embeddings of one width, and paths for all or for none, in all processes")
        descriptors = np.concatenate([batch.features.descriptors for batch in batches])
        samples = concatenate([batch.features.samples for batch in batches])
        if batches[0].named:
            _, once = np.unique(samples.paths, return_index=True)
            order = once[np.lexsort((samples.paths[once], samples.cameras[once], samples.identities[once]))]
            features = Features(descriptors=descriptors[order], samples=samples.take(order))
        else:
            names = np.char.zfill(np.arange(len(samples)).astype(np.str_), 12)  # sorts in the order of addition
            features = Features(descriptors=descriptors, samples=replace(samples, paths=names))
        return RetrievalFigures(evaluate(features, self.protocol, self._permutations, reranking=self._reranking))


def _gathered(batches: list[_Batch]) -> list[_Batch]:
    """Gather the batches of all processes, ordered by process; without a process group, return the given batches."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not (distributed.is_available() and distributed.is_initialized()):
        return batches
    everyone: list[list[_Batch]] = [[] for _ in range(distributed.get_world_size())]
    distributed.all_gather_object(everyone, batches)
    return [batch for process in everyone for batch in process]


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
