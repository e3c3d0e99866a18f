"""The result of `mvd embed`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mvd.inference.identity import ModelIdentity


@dataclass(frozen=True, kw_only=True)
class EmbedResult:
    """What was embedded.

    Attributes:
        file: where the embeddings are.
        model: what they were made with.
        pictures: number of embeddings.
        told: number of pictures by how their modality was told: "flag", "column", "folder", "pixels".
        least_confidence: the smallest confidence of a modality that was guessed from pixels; None without any.
        bad: the error of each picture that was skipped.
        reused: pictures that an interrupted run before this one had embedded.
    """

    file: Path
    model: ModelIdentity
    pictures: int
    told: Mapping[str, int]
    least_confidence: float | None
    bad: tuple[str, ...]
    reused: int
