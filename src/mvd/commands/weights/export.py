"""`mvd export`: export a run's network as programs, verified against the network before they get their final names.

PyTorch writes ONNX, which onnxruntime runs; MindSpore writes MindIR and runs it. Checkpoints do not depend on the
framework, so a run can be exported to either format. Each program is run on test pictures of the run's data set, or on
rendered pictures if the data set is missing. In float32 its descriptors must equal the network's to `TOLERANCE`; in any
number format they must be finite and differ between pictures. If the data set is available, each program is evaluated
like the run, which shows the loss of accuracy of float16 and int8.

Shapes: N pictures, D width of a descriptor.
"""

from __future__ import annotations

import glob
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from mvd.commands.engine import choose_framework, load_engine
from mvd.commands.weights.comparison import ComparisonPictures, Floats, comparison_pictures
from mvd.config import Machine, RunConfig, to_json
from mvd.data.images import Preprocessing
from mvd.data.progress import Progress
from mvd.errors import CheckpointError, ConfigError, require_choice
from mvd.files.atomic import replacing, write_json
from mvd.files.locks import name_locked
from mvd.files.regular import real_path
from mvd.files.several import several
from mvd.files.writable import require_writable_folder
from mvd.inference.identity import fingerprint_projected, fingerprint_weights
from mvd.inference.kept import kept_calibration, kept_projection
from mvd.inference.onnx_models import (
    annotate,
    describe_interface,
    require_onnx,
    to_float16,
    to_int8,
)
from mvd.inference.onnx_network import OnnxNetwork
from mvd.metrics.calibration import Calibration
from mvd.metrics.scores import Scores
from mvd.results.export import ExportedProgram, ExportResult, Format, Variant
from mvd.runs import Card, CardFigures, load_checkpoint, open_run

TOLERANCE = 1e-4
"""The largest allowed difference between a component of a descriptor and the network's, in float32."""

_FRAMEWORKS: Mapping[Format, Literal["pytorch", "mindspore"]] = {"onnx": "pytorch", "mindir": "mindspore"}
_DISTINCT = 10 * TOLERANCE
_BATCH = 64


def export(
    path: str | Path,
    out: str | Path | None = None,
    *,
    format: Format | Literal["auto"] = "auto",  # noqa: A002 - as the flag
    variants: Variant | Sequence[Variant] = ("fp32",),
    preprocessing: Preprocessing = "inside",
    weights: Literal["best", "last"] = "best",
    data: str | Path | None = None,
    protocols: Sequence[str] = (),
    measure: bool = True,
    machine: Machine | None = None,
    progress: Progress | None = None,
) -> ExportResult:
    """Export the network of a run as programs.

    Programs include the results of `mvd calibrate`: a projection becomes a layer, and the calibration is stored in the
    metadata.

    Args:
        path: the run folder.
        out: the file; an existing file is replaced, and fp16 and int8 are appended to its name. By default `mvd.onnx`
            or `mvd.mindir` in the run folder. The metadata of an ONNX program are part of the file; those of a MindIR
            program are written to a .json file beside it.
        format: "onnx", which PyTorch writes, or "mindir", which MindSpore writes; "auto" is that of the framework.
        variants: number formats, or one; only "fp32" for MindIR.
        preprocessing: whether programs take unprocessed pictures ("inside") or normalised ones ("outside").
        weights: "best", or the last if there is no best; or "last".
        data: folder or table of the data set; by default the run's own.
        protocols: protocols to evaluate; by default the customary protocols.
        measure: evaluate every program on all test pictures, or only compare it on some.
        machine: framework, workers, and batch, which is the batch size of a MindIR program; programs are compared in
            float32 on the CPU.
        progress: called with (programs done, total programs).

    Raises:
        ConfigError: a package is missing, the format does not support a setting, or there are no pictures to calibrate
            int8.
        CheckpointError: the weights do not fit, or a program differs from the network; the program is deleted.
        RunError: there is no run, or no such weights in it.
        MvdError: the data set cannot be read or measured on.
    """
    variants = _require_choices(weights, preprocessing, variants)
    run, given = open_run(Path(path)), machine or Machine()
    chosen = _choose_format(format, run.config, given)
    if chosen == "onnx":
        require_onnx("onnx", "onnxruntime", "onnxscript")
    elif set(variants) != {"fp32"}:
        raise ConfigError(
            f"numbers: expected fp32 with format mindir, found {', '.join(variants)}; export ONNX for them"
        )
    # Compare in float32 on the CPU, whatever the precision and the device of the run.
    runtime = replace(run.config.runtime, device="cpu", precision="fp32")
    runtime = replace(runtime, workers=given.workers or runtime.workers, embed_batch=given.batch or runtime.embed_batch)
    config = replace(run.config, framework=_FRAMEWORKS[chosen], runtime=runtime)
    checkpoint = run.own_checkpoint(weights)
    file = run.path / f"mvd.{chosen}" if out is None else Path(out)
    if file.suffix != f".{chosen}":
        raise ConfigError(f"{file}: expected a name that ends in .{chosen}, found {file.suffix or 'no ending'}")
    try:
        require_writable_folder(file.parent)
    except OSError as error:
        raise _cannot_write(file, error) from error
    pictures = comparison_pictures(run, config, None if data is None else Path(data), protocols, measure=measure)
    if "int8" in variants:
        pictures.calibration()  # raises its errors before the export
    engine, classes = load_engine(config), len(run.data.identities)
    weights_fingerprint = fingerprint_weights(load_checkpoint(checkpoint)[0], run.config)
    projection = kept_projection(checkpoint, weights_fingerprint)
    fingerprint = fingerprint_projected(weights_fingerprint, projection)
    calibration = kept_calibration(checkpoint, fingerprint)
    reference = engine.embed(config, classes, checkpoint, pictures.pictures, modalities=pictures.modalities)
    if projection is not None:
        reference = projection(reference)
    card, done = run.card_with_tests(checkpoint), list[ExportedProgram]()
    batch = runtime.embed_batch or _BATCH
    about = {"name": real_path(run.path).name, "data": json.dumps(asdict(run.data.public(card)))}
    with _folder_beside(file) as folder:
        whole = folder / f"fp32.{chosen}"
        engine.export(config, classes, checkpoint, whole, preprocessing=preprocessing, projection=projection)
        for variant in dict.fromkeys(variants):
            final = file if variant == "fp32" else file.with_name(f"{file.stem}-{variant}{file.suffix}")
            part = _convert(whole, variant, pictures, size=batch)
            descriptors = _run(part, pictures, preprocessing, size=batch)
            difference = _compare(final, variant, descriptors, reference)
            results = pictures.measure(descriptors)
            texts = _metadata(config, card, variant, results if pictures.own else (), preprocessing)
            texts |= about | _identify(variant, fingerprint, calibration)
            _annotate(part, file, texts, batch)
            size = part.stat().st_size
            done.append(ExportedProgram(file=final, variant=variant, size=size, difference=difference, results=results))
            if progress is not None:
                progress(len(done), len(variants))
        for one in done:
            with replacing(one.file) as temporary:
                (folder / f"{one.variant}{file.suffix}").replace(temporary)
    return ExportResult(
        format=chosen, programs=tuple(done), compared=pictures.described, reference=pictures.measure(reference)
    )


def _require_choices(weights: str, preprocessing: str, given: Variant | Sequence[Variant]) -> tuple[Variant, ...]:
    require_choice("weights", weights, ("best", "last"))
    require_choice("preprocessing", preprocessing, get_args(Preprocessing))
    variants: tuple[Variant, ...] = several(given)
    for variant in variants:
        require_choice("variants", variant, get_args(Variant))
    return variants


def _choose_format(asked: Format | Literal["auto"], config: RunConfig, machine: Machine) -> Format:
    """Return the requested format, or the format of the requested framework.

    Raises:
        ConfigError: there is no such format, or the framework does not write it.
    """
    require_choice("format", asked, ("auto", *_FRAMEWORKS))
    if asked == "auto":
        framework = choose_framework(config).framework if machine.framework == "auto" else machine.framework
        return "mindir" if framework == "mindspore" else "onnx"
    if machine.framework not in ("auto", _FRAMEWORKS[asked]):
        raise ConfigError(
            f"format: expected {'mindir' if machine.framework == 'mindspore' else 'onnx'} with framework "
            f"{machine.framework}, found {asked}, which {_FRAMEWORKS[asked]} writes; leave --framework out"
        )
    return asked


def _run(file: Path, pictures: ComparisonPictures, preprocessing: Preprocessing, *, size: int) -> Floats:
    """Compute descriptors (N, D) with a program, in batches of `size` pictures."""
    batches = pictures.pictures.batches(size)
    if file.suffix == ".onnx":
        return OnnxNetwork(file).embed(batches, pictures.modalities)
    from mvd.mindspore.inference.export import MindirNetwork

    return MindirNetwork(file, preprocessing, size).embed(batches)


def _annotate(part: Path, file: Path, texts: Mapping[str, str], size: int) -> None:
    """Write the metadata of a program: into an ONNX file, or beside the final MindIR file, which cannot store them."""
    if part.suffix == ".onnx":
        annotate(part, texts)
    else:
        # A MindIR program takes batches of one size.
        use = texts["use"].replace('"batch"', str(size))
        write_json(file.with_name(f"{file.name}.json"), {**texts, "use": use})


@contextmanager
def _folder_beside(file: Path) -> Iterator[Path]:
    """Create a temporary folder beside a file: all programs are written before any is renamed."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with name_locked(file):
            for leftover in file.parent.glob(f".{glob.escape(file.name)}-export-*"):  # left by a killed process
                shutil.rmtree(leftover)
            with tempfile.TemporaryDirectory(prefix=f".{file.name}-export-", dir=file.parent) as folder:
                yield Path(folder)
    except OSError as error:
        raise _cannot_write(file, error) from error


def _cannot_write(file: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"{file}: expected to write a program, could not ({error.strerror or error}); choose another --out"
    )


def _convert(whole: Path, variant: Variant, pictures: ComparisonPictures, *, size: int) -> Path:
    """Convert the float32 program to a variant, calibrated with batches of `size` pictures."""
    part = whole.with_name(f"{variant}{whole.suffix}")
    match variant:
        case "fp16":
            to_float16(whole, part)
        case "int8":
            calibration, modalities = pictures.calibration()
            to_int8(whole, part, calibration.batches(size), modalities)
    return part


def _compare(file: Path, variant: Variant, found: Floats, expected: Floats) -> float:
    """Return the largest difference between a program's descriptors (N, D) and the network's.

    Raises:
        CheckpointError: the difference is too large, or all pictures have the same descriptor.
    """
    difference = float(np.abs(found - expected).max()) if np.isfinite(found).all() else float("inf")
    if difference > (TOLERANCE if variant == "fp32" else np.finfo(np.float32).max):
        raise CheckpointError(
            f"{file}: expected the network's descriptors to {TOLERANCE:g}, found them {difference:g} apart; the "
            f"program is not kept: report it, with the run's config.json"
        )
    if np.ptp(found, axis=0).max() < _DISTINCT:
        raise CheckpointError(
            f"{file}: expected other descriptors for other pictures, found them all alike; the program is not kept: "
            f"see with mvd evaluate what the network has learnt"
        )
    return difference


def _identify(variant: Variant, fingerprint: str, calibration: Calibration | None) -> dict[str, str]:
    """Return the metadata that identify the weights and their calibration.

    float16 embeddings count as those of the weights. int8 embeddings count as those of another model, which needs its
    own calibration.
    """
    if variant == "int8":
        return {"fingerprint": hashlib.sha256(f"{fingerprint} {variant}".encode()).hexdigest()}
    return {"fingerprint": fingerprint} | ({} if calibration is None else {"calibration": calibration.to_json()})


def _metadata(
    config: RunConfig, card: Card, variant: Variant, results: Sequence[Scores], preprocessing: Preprocessing
) -> dict[str, str]:
    """Build a program's metadata; its own test figures, if on the run's data set, replace the run's on the card."""
    if results:
        own = tuple(_figures(result) for result in results)
        card = replace(card, figures=(*(one for one in card.figures if one.people != "test"), *own))
    interface = describe_interface(
        config.data.height,
        config.data.width,
        inside=preprocessing == "inside",
        modalities=config.model.stems == "specific",
    )
    return {"card": card.to_json(), "config": to_json(config), "use": interface, "numbers": variant}


def _figures(result: Scores) -> CardFigures:
    return CardFigures(protocol=result.protocol, people="test", ranking=result.ranking, values=result.mean.named())
