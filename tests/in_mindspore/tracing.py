"""Tracer of a MindSpore run: calls `fit`, and records the inputs of each step instead of computing it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import mindspore
import numpy as np
import numpy.typing as npt
import pytest
from mindspore import ParameterTuple, Tensor
from tiny_training import PEOPLE, Figures, fit, new_run, training_data

from mvd.config import RunConfig
from mvd.data.prepared.arrays import PreparedPictures
from mvd.data.progress import Note
from mvd.mindspore.training.optim import Optimizer
from mvd.mindspore.training.state import TrainState
from mvd.runs import CheckpointMeta, RunFolder, load_checkpoint
from mvd.weights.shapes import network_shapes


class Tracer:
    """Traces runs.

    Args:
        folder: for their files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, training_data()
        self.known: dict[RunConfig, list[str]] = {}

    def __call__(self, config: RunConfig) -> list[str]:
        """Note what a run computes; it is traced once."""
        if config not in self.known:
            self.known[config] = self.trace(config)
        return self.known[config]

    def trace(self, config: RunConfig) -> list[str]:
        lines: list[str] = []
        run = new_run(self.folder / f"run {len(list(self.folder.iterdir()))}", config)
        figures = Figures(self.data.visible, self.data.visible.samples, [0.5] * 99)
        with pytest.MonkeyPatch.context() as patch:
            note_settings(patch, lines.append)
            note_steps(patch, lines.append)
            note_batches(patch, lines.append)
            note_checkpoints(patch, lines.append)
            watcher = fit(self.data, run, config, validation=figures, initial=confident(config))
        tensors, _ = load_checkpoint(run.checkpoint("last"))
        lines += [f"log lines {[*watcher.losses]}", f"validations {watcher.validations}"]
        lines += [f"embeddings {digest(figures.__dict__['seen'])}", *tensors, f"values {digest(tensors.values())}"]
        return lines


def confident(config: RunConfig) -> dict[str, npt.NDArray[np.float32]]:
    """Draw classifiers whose answers differ: those of new networks are alike, and distances between them are 0."""
    rng, shapes = np.random.default_rng(0), network_shapes(config.model, PEOPLE)
    names = [name for name in shapes if name.endswith("neck.classifier.weight")]
    return {name: rng.standard_normal(shapes[name], np.float32) for name in names}


def note_settings(patch: pytest.MonkeyPatch, note: Note) -> None:
    """Note MindSpore's settings instead of setting them: all is traced operator by operator."""
    patch.setattr(mindspore, "set_context", lambda **given: note(f"context {given}"))
    patch.setattr(mindspore, "set_deterministic", lambda given: note(f"deterministic {given}"))
    patch.setattr(mindspore.runtime, "dispatch_threads_num", lambda given: note(f"threads {given}"))
    patch.setattr("mvd.mindspore.device._threads", [])


def note_steps(patch: pytest.MonkeyPatch, note: Note) -> None:
    """Note what goes into a step; of the first, compute the losses, and update a few weights as two steps would."""

    def advance(state: TrainState, *given: Any) -> Tensor:
        *tensors, lr = given
        note(f"step {digest(one.asnumpy() for one in tensors)} at {lr}")
        if state.step == 0:
            note(f"losses {state.take.names}, trained {state.optimizer.names}")
            state.take.set_train(True)
            note(digest(one.asnumpy() for one in state.take.loss(*tensors)))
            shorten(state.optimizer)
            for gradient in (1.0, 0.1):
                same = tuple(Tensor(np.full(one.shape, gradient, np.float32)) for one in state.optimizer.parameters)
                state.optimizer(same, state.optimizer.scalars(lr))
                state.optimizer.taken += 1
        return Tensor(np.zeros(len(state.take.names), np.float32))

    patch.setattr(TrainState, "advance", advance)


def shorten(optimizer: Optimizer) -> None:
    """Keep a weight of the encoder, a vector, and a weight of a head: each update takes its time."""
    chosen = [0, 1, len(optimizer.names) - 2]
    for name in ("parameters", "first", "second"):
        kept = getattr(optimizer, name)
        if kept is not None:
            setattr(optimizer, name, ParameterTuple(kept[k] for k in chosen))
    for name in ("names", "scales", "decays"):
        setattr(optimizer, name, tuple(getattr(optimizer, name)[k] for k in chosen))


def note_batches(patch: pytest.MonkeyPatch, note: Note) -> None:
    """Note in which batches pictures are embedded."""
    original = PreparedPictures.batches

    def batches(pictures: PreparedPictures, size: int) -> Iterator[npt.NDArray[np.uint8]]:
        note(f"batches of {size}")
        return original(pictures, size)

    patch.setattr(PreparedPictures, "batches", batches)


def note_checkpoints(patch: pytest.MonkeyPatch, note: Note) -> None:
    """Note after which steps checkpoints are written."""
    original = RunFolder.save_checkpoint

    def save(run: RunFolder, name: Any, tensors: Any, meta: CheckpointMeta) -> None:
        note(f"checkpoint {name} after {meta.step}")
        original(run, name, tensors, meta)

    patch.setattr(RunFolder, "save_checkpoint", save)


def digest(arrays: Iterable[npt.NDArray[Any]]) -> str:
    """Hash arrays."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]
