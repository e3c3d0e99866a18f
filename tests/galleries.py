"""Galleries for tests: a model that needs no framework, people in plain colours, random embeddings.

Shapes: N pictures, D width of an embedding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from mvd.commands.pictures import gallery_adding, gallery_session
from mvd.inference.identity import Identified, ModelIdentity
from mvd.inference.pixels import ModalitiesLike, Picture, to_pictures
from mvd.metrics.calibration import Calibration
from mvd.results.embeddings import Embeddings
from mvd.runs import RunData

SIZE = (32, 16)


class PlainModel(Identified):
    """Describes a picture by the mean colours of its parts."""

    def __init__(self, name: str = "plain", width: int = 12, calibration: Calibration | None = None) -> None:
        self.identity = identity(name, width)
        self.calibration = calibration
        self.trained_on: RunData | None = None

    def __call__(
        self, pictures: Picture | Sequence[Picture], modalities: ModalitiesLike | None = None
    ) -> npt.NDArray[np.float32]:
        pixels = next(to_pictures(pictures, SIZE).batches(1000)).astype(np.float32)
        parts = self.width // 3
        means = pixels.reshape(len(pixels), parts, SIZE[0] // parts, SIZE[1], 3).mean((2, 3)) - 128
        return unit(means.reshape(len(pixels), -1))


def identity(name: str = "plain", width: int = 12) -> ModelIdentity:
    return ModelIdentity(name, hashlib.sha256(name.encode()).hexdigest(), width, SIZE)


def use_models(patch: pytest.MonkeyPatch, *models: PlainModel) -> None:
    """Let names open models; the first also where none is named."""
    known = {model.identity.name: model for model in models} | {"rendered": models[0]}
    for module in (gallery_session, gallery_adding):
        patch.setattr(module, "open_model", lambda source: known[str(source)])


def write_people(folder: Path, people: int = 5, pictures: int = 3, seed: int = 0) -> list[Path]:
    """Write noisy pictures of people, each in colours of their own: N files PERSON_NUMBER.jpg."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    files = []
    for person in range(people):
        clothes = np.kron(rng.integers(0, 256, (8, 4, 3)), np.ones((12, 12, 1)))
        for number in range(pictures):
            pixels = np.clip(clothes + rng.normal(0, 12, clothes.shape), 0, 255).astype(np.uint8)
            files.append(folder / f"{person}_{number}.jpg")
            Image.fromarray(pixels).save(files[-1])
    return files


def draw(count: int, *, seed: int = 0, width: int = 12, people: int = 0, model: str = "plain") -> Embeddings:
    """Draw embeddings of pictures that do not exist: cameras a and b by turns, a minute apart, people by turns."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, width))
    if people:
        vectors = rng.normal(size=(people, width))[np.arange(count) % people] + 0.2 * vectors
    start = np.datetime64("2024-05-01T12:00", "us")
    return Embeddings(
        model=identity(model, width),
        paths=tuple(f"/nowhere/{seed}/{number}.jpg" for number in range(count)),
        hashes=tuple(hashlib.sha256(f"{seed} {number}".encode()).hexdigest() for number in range(count)),
        modalities=np.arange(count) // max(people, 2) % 2,
        modality_sources=("flag",) * count,
        modality_confidences=np.ones(count, np.float32),
        cameras=tuple("ab"[number % 2] for number in range(count)),
        times=start + np.arange(count) * np.timedelta64(60, "s"),
        identities=tuple(f"person {number % people}" if people else None for number in range(count)),
        tags=tuple(("even",) if number % 2 == 0 else () for number in range(count)),
        vectors=unit(vectors),
    )


def unit(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
