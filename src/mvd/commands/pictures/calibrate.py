"""`mvd calibrate`: what a model's similarities mean, learnt on people whom it was not trained on.

A network whose embeddings are wide is given a projection first, learnt on its training pictures.

Shapes: N pictures, D width of an embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from mvd.commands.pictures.calibrate_verdicts import check_verdicts, group_verdicts, read_galleries
from mvd.commands.results.evaluate import describe_trained, trained_people
from mvd.data.layouts import scan
from mvd.data.pictures import PictureFiles, Pictures, ProgressPictures
from mvd.data.progress import Note, Progress, silent
from mvd.data.samples import JUNK, Dataset, Samples, concatenate
from mvd.errors import ConfigError, DatasetError, ProtocolError
from mvd.files.atomic import writing
from mvd.files.regular import real_path
from mvd.files.writable import require_writable
from mvd.inference import PictureModel, open_model
from mvd.inference.kept import forget_projection, keep_calibration, keep_projection, kept_projection
from mvd.inference.models import find_model, open_whole
from mvd.metrics.calibration import FEW_PEOPLE, learn_calibration
from mvd.metrics.calibration.check import cross_check
from mvd.metrics.projection import learn_projection
from mvd.results.calibrate import CalibrateResult
from mvd.runs.beside import CALIBRATION, file_beside
from mvd.weights.formats.files import is_onnx

HeldOut: TypeAlias = Literal["all", "validation", "test"]

WIDTH = 512
"""The width that embeddings are projected to where they are wider."""

_TRAINED = 4096  # training pictures that a projection is learnt on
_CHUNK = 512


class _Embeds(Protocol):
    def __call__(
        self, pictures: npt.NDArray[np.uint8], modalities: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]: ...


def calibrate(
    model: str | Path,
    data: str | Path,
    *,
    people: HeldOut = "all",
    width: int = WIDTH,
    verdicts: Sequence[str | Path] = (),
    trial: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    workers: int = 0,
    batch: int = 64,
    note: Note = silent,
    progress: Progress | None = None,
) -> CalibrateResult:
    """Learn what a model's similarities mean, and keep that with the model.

    It is kept as `calibration.json` in the run's or the model's folder, beside another checkpoint, or in the metadata
    of a program.

    Args:
        model: what `mvd.inference.open_model` takes.
        data: folder or table of a data set with people whom the model was not trained on.
        people: those of the validation, of the test, or of both.
        width: embeddings that are wider are projected to this width by principal components of training pictures; 0
            leaves them as they are. A program has its projection in it.
        verdicts: folders of galleries whose results were marked as right and wrong on their page; slopes of
            probabilities are learnt on these, too (`mvd.metrics.calibration.platt`).
        trial: RegDB's split; by default the one that the model was trained on.
        device: see `open_model`.
        precision: see `open_model`.
        workers: threads that decode pictures; 0 means one for each core.
        batch: pictures in a batch.
        note: called with a line that the user should see.
        progress: called with (pictures done, pictures in all).

    Raises:
        ConfigError: `width` is negative.
        ProtocolError: the model was trained on these people, there are too few, or `width` does not fit.
        DatasetError: the data set cannot be read, or has no such people.
        CheckpointError: the model is damaged, or none of ours.
        RunError: the calibration cannot be written.
        GalleryError: a folder of `verdicts` is no gallery, or its verdicts are damaged.
    """
    if width < 0:
        raise ConfigError(f"width: expected 0 (no projection) or more, found {width}")
    file, root, marked = find_model(model), Path(data), read_galleries(verdicts)
    place = file if is_onnx(file) else file_beside(file, CALIBRATION)
    with writing(place):
        require_writable(place)
    opened = open_whole(model, device=device, precision=precision, batch=batch)
    known = opened.trained_on
    if trial is None:
        trial = known.trial if known is not None and known.trial is not None else 1
    dataset = scan(root, trial=trial)
    samples = _held_out(opened, dataset, root, people, note)
    wide, kept = opened.width, None
    if file.suffix != ".onnx":
        kept = _project(opened, file, dataset, width, workers=workers, note=note)
        opened = open_model(model, device=device, precision=precision, batch=batch)
    vectors = _embed(opened, _pictures(dataset, samples, opened, workers, progress), samples)
    columns = vectors, samples.identities, samples.modalities, samples.cameras
    judged = group_verdicts(marked, opened.identity.fingerprint, note)
    described = f"{len(samples.people)} held-out people of {dataset.name} ({real_path(root).name})"
    learn = partial(
        learn_calibration,
        *columns,
        model=opened.identity.fingerprint,
        data=described,
        camera_names=dataset.camera_names,
    )
    calibration = learn(judged=judged)
    if calibration.people < FEW_PEOPLE:
        note(
            f"{root}: {calibration.people} people are few to calibrate on: probabilities and thresholds are rough "
            f"below {FEW_PEOPLE}"
        )
    return CalibrateResult(
        file=keep_calibration(file, calibration),
        model=opened.identity,
        calibration=calibration,
        checks=cross_check(*columns),
        wide=wide,
        kept=kept,
        verdicts=check_verdicts(judged, calibration, learn()) if judged else {},
    )


def _held_out(model: PictureModel, dataset: Dataset, root: Path, people: HeldOut, note: Note) -> Samples:
    """Choose pictures of people whom the model was not trained on.

    Raises:
        ProtocolError: it was trained on some of them.
        DatasetError: there are none.
    """
    tables = {"validation": dataset.validation, "test": dataset.test}
    if model.trained_on is None:
        note(f"{model.identity.name}: what it was trained on is not known; calibrate it on people that it has not seen")
    elif people == "all" and trained_people(model.trained_on, replace(dataset, test=dataset.validation), root):
        del tables["validation"]  # of a run that was trained on these, too
    chosen = concatenate([table for name, table in tables.items() if people in ("all", name)])
    chosen = chosen.take(chosen.identities != JUNK)
    if not len(chosen):
        raise DatasetError(
            f"{root}: expected people whom the model was not trained on, found none; name some in "
            f"{dataset.people_lists}"
        )
    if model.trained_on is not None:
        held_out = replace(dataset, test=chosen)
        if seen := trained_people(model.trained_on, held_out, root):
            source = Path(model.identity.name)
            remedy = "calibrate it on other people"
            raise ProtocolError(describe_trained(source, model.trained_on, held_out, seen, remedy))
    return chosen


def _project(
    model: PictureModel, file: Path, dataset: Dataset, width: int, *, workers: int, note: Note
) -> float | None:
    """Learn the projection of wide embeddings and keep it beside the weights; return the share of variance it keeps."""
    if not 0 < width < model.width:
        forget_projection(file)
        return None
    if not len(dataset.train):
        found = kept_projection(file, model.identity.fingerprint)
        what = "keep the projection that was learnt before" if found else f"stay {model.width} wide"
        note(f"{dataset.root}: no training pictures to learn a projection on: embeddings {what}")
        return None if found is None else found.kept
    rows = np.unique(np.linspace(0, len(dataset.train) - 1, _TRAINED).round().astype(np.int64))
    samples = dataset.train.take(rows)
    found = learn_projection(_embed(model, _pictures(dataset, samples, model, workers), samples), width)
    keep_projection(file, model.identity.fingerprint, found)
    return found.kept


def _pictures(
    dataset: Dataset, samples: Samples, model: PictureModel, workers: int, progress: Progress | None = None
) -> Pictures:
    height, width = model.size
    files = PictureFiles(
        root=dataset.root,
        paths=samples.paths.tolist(),
        height=height,
        width=width,
        workers=workers,
        upright=dataset.upright,
    )
    return files if progress is None else ProgressPictures(files, progress)


def _embed(model: _Embeds, pictures: Pictures, samples: Samples) -> npt.NDArray[np.float32]:
    done, parts = 0, []
    for chunk in pictures.batches(_CHUNK):
        parts.append(model(chunk, samples.modalities[done : done + len(chunk)]))
        done += len(chunk)
    return np.concatenate(parts)
