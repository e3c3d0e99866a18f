"""Embeddings of own pictures in memory: one row per picture, with its metadata.

Shapes: N pictures, D width of an embedding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from mvd.data.samples import Modality
from mvd.errors import DatasetError
from mvd.inference.identity import ModelIdentity

ModalitySource: TypeAlias = Literal["flag", "column", "folder", "pixels"]
"""Source of a picture's modality: the caller, a table's column, the folder's name, or a guess from the pixels."""

_SOURCES = get_args(ModalitySource)
_UNIT = 1e-3  # the largest deviation of a vector's length from 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Embeddings:
    """Embeddings and metadata of N pictures.

    Attributes:
        model: the model that computed them.
        paths: (N,) files, as they were given.
        hashes: (N,) SHA-256 of each file, in hexadecimal digits.
        modalities: (N,) int64, a `Modality` each: 0 visible, 1 infrared.
        modality_sources: (N,) a `ModalitySource` each.
        modality_confidences: (N,) float32, 0.5 … 1; 1 unless the modality was guessed.
        cameras: (N,) names; None where unknown.
        times: (N,) datetime64[us], UTC; NaT where unknown.
        identities: (N,) names of people; None where unknown.
        tags: (N,) the user's tags of each picture.
        vectors: (N, D) float32, of length 1, to be compared by inner product.

    Raises:
        DatasetError: lengths differ, or a vector is not finite or not of length 1.

    Example:
        >>> model = ModelIdentity("night", "81f0" * 16, 2, (288, 144))
        >>> two = Embeddings(
        ...     model=model, paths=("a.jpg", "b.jpg"), hashes=("0" * 64, "1" * 64), modalities=np.array([0, 1]),
        ...     modality_sources=("flag", "pixels"), modality_confidences=np.array([1, 0.9]), cameras=("door", None),
        ...     times=np.array(["2024-01-01T23:10", "NaT"], "datetime64[us]"), identities=(None, None), tags=((), ()),
        ...     vectors=np.eye(2),
        ... )
        >>> len(two), two.take([1]).paths, concatenate([two, two.take([0])]).paths
        (2, ('b.jpg',), ('a.jpg', 'b.jpg', 'a.jpg'))
    """

    model: ModelIdentity
    paths: tuple[str, ...]
    hashes: tuple[str, ...]
    modalities: npt.NDArray[np.int64]
    modality_sources: tuple[str, ...]
    modality_confidences: npt.NDArray[np.float32]
    cameras: tuple[str | None, ...]
    times: npt.NDArray[np.datetime64]
    identities: tuple[str | None, ...]
    tags: tuple[tuple[str, ...], ...]
    vectors: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        for name, kind in ARRAYS.items():
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=kind))
        lengths = {name: len(getattr(self, name)) for name in _COLUMNS}
        if len(set(lengths.values())) != 1 or self.vectors.ndim != 2:
            raise DatasetError(f"expected a row for each picture in every column, found lengths {lengths}")
        if self.vectors.shape[1] != self.model.width:
            raise DatasetError(
                f"expected vectors {self.model.width} wide, as {self.model} has, found {self.vectors.shape}"
            )
        off = ~(np.abs(np.linalg.norm(self.vectors, axis=1) - 1) <= _UNIT)  # negated, so that NaN counts as off
        if off.any():
            raise DatasetError(
                f"{self.paths[int(off.argmax())]}: expected a finite vector of length 1, found another (in {off.sum()} "
                f"of {len(off)} pictures); check the weights of {self.model.name}"
            )
        if not np.isin(self.modalities, list(Modality)).all() or not set(self.modality_sources) <= set(_SOURCES):
            raise DatasetError(f"expected modalities 0 and 1, told by one of {', '.join(_SOURCES)}, found others")

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: npt.ArrayLike) -> Embeddings:
        """Select pictures by indices (M,), in the order given, or by a mask (N,)."""
        given = np.asarray(rows)
        index = np.flatnonzero(given) if given.dtype == bool else given.astype(np.int64)
        columns: dict[str, Any] = {}
        for name in _COLUMNS:
            column = getattr(self, name)
            columns[name] = column[index] if name in ARRAYS else tuple(column[row] for row in index.tolist())
        return Embeddings(model=self.model, **columns)


_COLUMNS = tuple(field.name for field in fields(Embeddings) if field.name != "model")
ARRAYS = {
    "modalities": "int64",
    "modality_confidences": "float32",
    "times": "datetime64[us]",
    "vectors": "float32",
}
"""The columns that are arrays, and their types; the others are tuples."""


def concatenate(parts: Sequence[Embeddings]) -> Embeddings:
    """Concatenate embeddings of one model, in the order given.

    Raises:
        DatasetError: there are no parts, or the models differ.
    """
    if not parts:
        raise DatasetError("expected embeddings to join, found none")
    model = parts[0].model
    same = list(of_one_model(model, parts))
    columns: dict[str, Any] = {}
    for name in _COLUMNS:
        several = [getattr(part, name) for part in same]
        columns[name] = np.concatenate(several) if name in ARRAYS else tuple(value for one in several for value in one)
    return Embeddings(model=model, **columns)


def of_one_model(model: ModelIdentity, parts: Iterable[Embeddings]) -> Iterator[Embeddings]:
    """Yield the parts, and check that all are of one model.

    Raises:
        DatasetError: a part is of another model.
    """
    for part in parts:
        if part.model.fingerprint != model.fingerprint:
            raise DatasetError(
                f"expected embeddings of one model, found those of {model} and of {part.model}; embed the pictures "
                f"again with one of them"
            )
        yield part
