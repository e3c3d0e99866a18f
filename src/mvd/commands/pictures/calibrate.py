"""`mvd calibrate`: learn probabilities and thresholds of a model's similarities on people it was not trained on.

Wide embeddings are first reduced by a PCA projection, learnt on the training pictures.

Shapes: N pictures, D width of an embedding.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from mvd.commands.pictures.calibrate_verdicts import check_verdicts, group_verdicts, read_galleries
from mvd.commands.results.evaluate import describe_trained, trained_people
from mvd.data.layouts import scan
from mvd.data.pictures import Pictures, table_pictures
from mvd.data.progress import Note, Progress, silent
from mvd.data.samples import JUNK, Dataset, Samples, concatenate
from mvd.errors import ConfigError, DatasetError, ProtocolError, counted, require_choice
from mvd.files.atomic import replacing, writing
from mvd.files.regular import real_path
from mvd.files.writable import require_writable
from mvd.inference import PictureModel
from mvd.inference.identity import fingerprint_projected
from mvd.inference.kept import forget_projection, keep_calibration, keep_projection, kept_projection
from mvd.inference.models import find_model, is_box, open_whole
from mvd.metrics.calibration import FEW_PEOPLE, learn_calibration
from mvd.metrics.calibration.check import cross_check
from mvd.metrics.projection import Projection, learn_projection
from mvd.results.calibrate import CalibrateResult
from mvd.runs.beside import CALIBRATION, file_beside
from mvd.weights.formats.files import is_onnx

HeldOut: TypeAlias = Literal["all", "validation", "test"]

WIDTH = 512
"""Default width to which wider embeddings are projected."""

_TRAINED = 4096  # maximum number of training pictures for learning a projection
_CHUNK = 512


class _Embeds(Protocol):
    def __call__(
        self, pictures: npt.NDArray[np.uint8], modalities: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]: ...


def calibrate(
    model: str | Path,
    data: str | Path,
    *,
    out: str | Path | None = None,
    people: HeldOut = "all",
    width: int = WIDTH,
    verdicts: str | Path | Sequence[str | Path] = (),
    trial: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    workers: int = 0,
    batch: int = 0,
    note: Note = silent,
    progress: Progress | None = None,
) -> CalibrateResult:
    """Learn a calibration of a model's similarities, and save it with the model.

    It is saved as `calibration.json` in the folder of the run or model, or next to a checkpoint; for an ONNX file, in
    its metadata.

    Args:
        model: the model, as for `mvd.inference.open_model`.
        data: folder or table of a data set with people whom the model was not trained on.
        out: save a calibrated copy of an ONNX file here, and leave the file itself unchanged; required for "rendered".
        people: identities to learn on: of the validation set, of the test set, or of both.
        width: project wider embeddings to this width by PCA on training pictures; 0 disables the projection. An ONNX
            file contains its projection.
        verdicts: folders of galleries, or one, with results marked as right or wrong; the slopes of the probabilities
            are learnt on these too (see `mvd.metrics.calibration.platt`).
        trial: split of RegDB; by default the one that the model was trained on.
        device: see `open_model`.
        precision: see `open_model`.
        workers: workers that decode pictures; 0 means one per core.
        batch: as for `open_model`.
        note: called with each line to show to the user.
        progress: called with (pictures done, pictures in total).

    Raises:
        ConfigError: `width` is negative; `out` is missing, does not end in .onnx, or the model is not an ONNX file.
        ProtocolError: the model was trained on these people, there are too few, or `width` does not fit.
        DatasetError: the data set cannot be read, or has no held-out people.
        CheckpointError: the model is damaged, or not a model of mvd.
        RunError: the calibration cannot be written.
        GalleryError: a folder in `verdicts` is not a gallery, or its verdicts are damaged.
    """
    require_choice("people", people, get_args(HeldOut))
    if width < 0:
        raise ConfigError(f"width: expected 0 (no projection) or more, found {width}")
    file, root, marked = find_model(model), Path(data), read_galleries(verdicts)
    place = _place(model, file, None if out is None else Path(out))
    with writing(place):
        require_writable(place)
    opened = open_whole(model, device=device, precision=precision, batch=batch)
    known = opened.trained_on
    if trial is None:
        trial = known.trial if known is not None and known.trial is not None else 1
    dataset = scan(root, trial=trial)
    samples = _held_out(opened, dataset, root, people, note)
    identity, projection = opened.identity, None
    inside = is_onnx(file) or file.suffix == ".onnx"
    if not inside:
        projection = _find_projection(opened, file, dataset, width, workers=workers, note=note)
    pictures = table_pictures(dataset, samples, opened.size, workers=workers, progress=progress)
    vectors = _embed(opened, pictures, samples)
    if projection is not None:
        vectors = projection(vectors)
        fingerprint = fingerprint_projected(identity.fingerprint, projection)
        identity = replace(identity, fingerprint=fingerprint, width=projection.width)
    columns = vectors, samples.identities, samples.modalities, samples.cameras
    judged = group_verdicts(marked, identity.fingerprint, note)
    described = f"{len(samples.people)} held-out people of {dataset.name} ({real_path(root).name})"
    learn = partial(
        learn_calibration,
        *columns,
        model=identity.fingerprint,
        data=described,
        camera_names=dataset.camera_names,
    )
    calibration = learn(judged=judged)
    if calibration.people < FEW_PEOPLE:
        note(
            f"{root}: {counted(calibration.people, 'person')}, few to calibrate on: probabilities and thresholds are "
            f"rough below {FEW_PEOPLE}"
        )
    # Only now: with another projection, the model no longer fits the galleries that it embedded.
    if not inside:
        _save_projection(file, opened.identity.fingerprint, projection)
    if inside and place != file:
        with writing(place), replacing(place) as temporary:
            shutil.copyfile(file, temporary)
            keep_calibration(temporary, calibration)
    else:
        keep_calibration(file, calibration)
    return CalibrateResult(
        file=place,
        model=identity,
        calibration=calibration,
        checks=cross_check(*columns),
        wide=opened.width,
        kept=None if projection is None else projection.kept,
        verdicts=check_verdicts(judged, calibration, learn()) if judged else {},
    )


def _place(model: str | Path, file: Path, out: Path | None) -> Path:
    """Return the file that the calibration is written to.

    Raises:
        ConfigError: `out` is missing, does not end in .onnx, or the model is not an ONNX file.
    """
    if out is None and is_box(model):
        raise ConfigError(
            f"{model}: expected --out FILE.onnx for a calibrated copy of the model in the box, which is installed with "
            f"mvd and shared, found none; name a file"
        )
    if out is not None and not is_onnx(file):
        raise ConfigError(
            f"{out}: expected an ONNX file to copy, found {file.name}; leave --out out to save the calibration with it"
        )
    if out is not None and out.suffix != ".onnx":
        raise ConfigError(f"{out}: expected a name that ends in .onnx for the copy, found {out.name!r}; name another")
    return out or (file if is_onnx(file) else file_beside(file, CALIBRATION))


def _held_out(model: PictureModel, dataset: Dataset, root: Path, people: HeldOut, note: Note) -> Samples:
    """Select pictures of people whom the model was not trained on.

    Raises:
        ProtocolError: the model was trained on some of these people.
        DatasetError: there are no such people.
    """
    tables = {"validation": dataset.validation, "test": dataset.test}
    if model.trained_on is None:
        note(
            f"{model.identity.name}: its training identities are unknown; calibrate it on people it was not trained on"
        )
    elif people == "all" and trained_people(model.trained_on, replace(dataset, test=dataset.validation), root):
        del tables["validation"]  # the run was trained on the validation identities too
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


def _find_projection(
    model: PictureModel, file: Path, dataset: Dataset, width: int, *, workers: int, note: Note
) -> Projection | None:
    """Learn a projection of wide embeddings, or take the saved one; None if none is wanted."""
    if not 0 < width < model.width:
        return None
    if not len(dataset.train):
        found = kept_projection(file, model.identity.fingerprint)
        what = "keep the projection that was learnt before" if found else f"stay {model.width} wide"
        note(f"{dataset.root}: no training pictures to learn a projection on: embeddings {what}")
        return found
    rows = np.unique(np.linspace(0, len(dataset.train) - 1, _TRAINED).round().astype(np.int64))
    samples = dataset.train.take(rows)
    pictures = table_pictures(dataset, samples, model.size, workers=workers)
    return learn_projection(_embed(model, pictures, samples), width)


def _save_projection(file: Path, weights: str, projection: Projection | None) -> None:
    if projection is not None:
        keep_projection(file, weights, projection)
        return
    with writing(file):
        forget_projection(file)


def _embed(model: _Embeds, pictures: Pictures, samples: Samples) -> npt.NDArray[np.float32]:
    done, parts = 0, []
    for chunk in pictures.batches(_CHUNK):
        parts.append(model(chunk, samples.modalities[done : done + len(chunk)]))
        done += len(chunk)
    return np.concatenate(parts)
