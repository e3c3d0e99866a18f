"""The result of `mvd embed`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mvd.inference.identity import ModelIdentity


@dataclass(frozen=True, kw_only=True)
class EmbedResult:
    """The summary of an embedding.

    Attributes:
        file: the file of the embeddings.
        model: the model that computed them.
        pictures: number of embeddings.
        told: number of pictures by the source of their modality: "flag", "column", "folder", "pixels".
        least_confidence: the smallest confidence of a modality guessed from pixels; None if none was guessed.
        bad: the error of each picture that was skipped.
        reused: number of embeddings taken from an interrupted run.
    """

    file: Path
    model: ModelIdentity
    pictures: int
    told: Mapping[str, int]
    least_confidence: float | None
    bad: tuple[str, ...]
    reused: int
