"""`mvd export`: the network of a run as ONNX programs that are compared with PyTorch before they get their names.

Each program is run by onnxruntime on test pictures of the run's own data set, or, where the data are gone, on rendered
ones. One in float32 has to give PyTorch's descriptors to `TOLERANCE`; any has to give numbers, and different ones for
different pictures. One that does not is never there. Where the data are at hand, each is evaluated like the run itself,
so that what float16 and int8 cost is known.

Shapes: N pictures, D width of a descriptor.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from mvd.commands.comparison import Comparison, Floats, comparison
from mvd.commands.engine import load_engine
from mvd.config import RunConfig, to_json
from mvd.data.images import Preprocessing
from mvd.errors import CheckpointError, ConfigError
from mvd.inference.onnx_models import (
    OnnxNetwork,
    annotate,
    describe_input,
    require_onnx,
    to_float16,
    to_int8,
)
from mvd.metrics.scores import Result
from mvd.runs import Card, CardFigures, open_run

Variant: TypeAlias = Literal["fp32", "fp16", "int8"]

TOLERANCE = 1e-4
"""The most by which a number of a descriptor may be another than PyTorch's."""

_DISTINCT = 10 * TOLERANCE
_BATCH = 64


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A program that was written.

    Attributes:
        file: the program.
        variant: the numbers that it computes with.
        size: bytes.
        difference: the largest difference of a number of a descriptor from PyTorch's.
        results: its figures; none where they were not measured.
    """

    file: Path
    variant: Variant
    size: int
    difference: float
    results: tuple[Result, ...]


@dataclass(frozen=True, kw_only=True)
class Export:
    """What was exported.

    Attributes:
        programs: one for each variant.
        compared: on what programs and PyTorch were compared, in words.
        reference: PyTorch's figures; none where they were not measured.
    """

    programs: tuple[Exported, ...]
    compared: str
    reference: tuple[Result, ...]


def export(
    path: Path,
    out: Path | None = None,
    *,
    variants: Sequence[Variant] = ("fp32",),
    preprocessing: Preprocessing = "inside",
    weights: Literal["best", "last"] = "best",
    data: Path | None = None,
    protocols: Sequence[str] = (),
    measure: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Export:
    """Write the network of a run as ONNX programs.

    Args:
        path: the run folder.
        out: the file, which gets "-fp16" and "-int8" before its ending for those variants; `mvd.onnx` in the run
            folder, if not given. Files that are there are replaced.
        variants: the numbers to compute with.
        preprocessing: whether programs take pictures as they are, or normalised ones.
        weights: the run's best (else its last), or its last.
        data: the data set's folder or table, where it is not the one that the run was trained on.
        protocols: what to measure; the customary ones, if there are none.
        measure: whether to evaluate every program on all test pictures, or only compare it on some.
        progress: called with (programs done, programs in all).

    Raises:
        ConfigError: a package is missing, or int8 has no pictures to be calibrated on.
        CheckpointError: the weights do not fit, or a program does not compute what PyTorch does; it is not kept.
        RunError: there is no run, or no such weights in it.
        MvdError: the data set cannot be read, or not be measured on so.
    """
    require_onnx("onnx", "onnxruntime", "onnxscript")
    run = open_run(path)
    # Compared in float32 on the processor, however the run is embedded.
    config = replace(run.config, runtime=replace(run.config.runtime, device="cpu", precision="fp32"))
    checkpoint = run.best_checkpoint if weights == "best" else run.checkpoint("last")
    file = out or run.path / "mvd.onnx"
    if file.suffix != ".onnx":
        raise ConfigError(f"{file}: expected a name that ends in .onnx, found {file.suffix or 'no ending'}")
    pictures = comparison(run, config, data, protocols, measure=measure)
    if "int8" in variants:
        pictures.calibration()  # for what may be missing, before anything is computed
    engine, classes = load_engine(config), len(run.data.identities)
    reference = engine.embed(config, classes, checkpoint, pictures.pictures, modalities=pictures.modalities)
    card, done = run.card_with_tests(checkpoint), list[Exported]()
    with _folder_beside(file) as folder:
        whole = folder / "fp32.onnx"
        engine.export(config, classes, checkpoint, whole, preprocessing=preprocessing)
        for variant in dict.fromkeys(variants):
            final = file if variant == "fp32" else file.with_name(f"{file.stem}-{variant}.onnx")
            part = _convert(whole, variant, pictures, size=config.runtime.embed_batch or _BATCH)
            batches = pictures.pictures.batches(config.runtime.embed_batch or _BATCH)
            descriptors = OnnxNetwork(part).describe(batches, pictures.modalities)
            difference = _compare(final, variant, descriptors, reference)
            results = pictures.measure(descriptors)
            annotate(part, _metadata(config, card, variant, results, preprocessing))
            size = part.stat().st_size
            done.append(Exported(file=final, variant=variant, size=size, difference=difference, results=results))
            if progress is not None:
                progress(len(done), len(variants))
        for one in done:
            (folder / f"{one.variant}.onnx").replace(one.file)
    return Export(programs=tuple(done), compared=pictures.described, reference=pictures.measure(reference))


@contextmanager
def _folder_beside(file: Path) -> Iterator[Path]:
    """Make a folder beside a file to write in; it is gone afterwards."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=file.parent) as folder:
            yield Path(folder)
    except OSError as error:
        raise CheckpointError(
            f"{file}: expected to write a program, could not ({error.strerror or error}); choose another --out"
        ) from error


def _convert(whole: Path, variant: Variant, pictures: Comparison, *, size: int) -> Path:
    """Make a variant of the program in float32, beside it; `size` pictures at a time calibrate it."""
    part = whole.with_name(f"{variant}.onnx")
    match variant:
        case "fp16":
            to_float16(whole, part)
        case "int8":
            calibration, modalities = pictures.calibration()
            to_int8(whole, part, calibration.batches(size), modalities)
    return part


def _compare(file: Path, variant: Variant, found: Floats, expected: Floats) -> float:
    """Find the largest difference of a program's descriptors (N, D) from PyTorch's.

    Raises:
        CheckpointError: it is too large, or the program does not tell pictures apart.
    """
    difference = float(np.abs(found - expected).max()) if np.isfinite(found).all() else float("inf")
    if difference > (TOLERANCE if variant == "fp32" else np.finfo(np.float32).max):
        raise CheckpointError(
            f"{file}: expected PyTorch's descriptors to {TOLERANCE:g}, found them {difference:g} apart; the program "
            f"is not kept: report it, with the run's config.json"
        )
    if np.ptp(found, axis=0).max() < _DISTINCT:
        raise CheckpointError(
            f"{file}: expected other descriptors for other pictures, found them all alike; the program is not kept: "
            f"see with mvd evaluate what the network has learnt"
        )
    return difference


def _metadata(
    config: RunConfig, card: Card, variant: Variant, results: Sequence[Result], preprocessing: Preprocessing
) -> Mapping[str, str]:
    """Write what a program says of itself: figures of its own in the place of the run's."""
    if results:
        own = tuple(_figures(result) for result in results)
        card = replace(card, figures=(*(one for one in card.figures if one.people != "test"), *own))
    described = describe_input(
        config.data.height,
        config.data.width,
        inside=preprocessing == "inside",
        modalities=config.model.stems == "specific",
    )
    return {"card": card.to_json(), "config": to_json(config), "use": described, "numbers": variant}


def _figures(result: Result) -> CardFigures:
    means: Mapping[str, Any] = result.mean._asdict()
    values = {name.replace("_", "-"): float(value) for name, value in means.items()}
    return CardFigures(protocol=result.protocol, people="test", ranking=result.ranking, values=values)
