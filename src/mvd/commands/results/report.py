"""`mvd report`: explain runs in one HTML file, and write the figures as files for a paper."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from mvd.commands.engine import load_engine, machine_flags
from mvd.commands.results.evaluate import data_of, describe_trained, pictures_of, prepare_test, trained_people, trial_of
from mvd.commands.results.report_parts import MapMethod, embedding_map_of, heatmaps_of, look_backwards
from mvd.config import Machine
from mvd.data.identity import name_people
from mvd.data.layouts import scan
from mvd.data.progress import Note, Progress, silent
from mvd.data.samples import Modality
from mvd.errors import MissingPackageError, ProtocolError, RunError, require_choice
from mvd.files.atomic import cannot_write, writing
from mvd.files.several import several
from mvd.files.writable import require_writable, require_writable_folder
from mvd.metrics.calibration import Calibration
from mvd.metrics.explain import confusions, group_figures, pick_retrievals, similarity_histograms
from mvd.metrics.features import Features
from mvd.metrics.rankings import rank
from mvd.metrics.scores import evaluate
from mvd.results.report import ProtocolReport, RunReport
from mvd.runs import RunFolder, load_checkpoint, open_run


def report(
    runs: str | Path | Sequence[str | Path],
    out: str | Path = "report.html",
    *,
    figures: str | Path | None = None,
    data: str | Path | None = None,
    protocols: Sequence[str] = (),
    weights: Literal["best", "last"] = "best",
    embedding_map: MapMethod = "tsne",
    machine: Machine | None = None,
    note: Note = silent,
    progress: Progress | None = None,
) -> Path:
    """Explain runs in one self-contained HTML file.

    The report contains the configuration and the card; curves of losses and validation; the CMC of every protocol;
    queries with their results; distributions of similarities; a map of embeddings before and after training; heat maps
    of the similarity; and the cameras and identities that are confused. Several runs are compared.

    Args:
        runs: run folders, or one.
        out: the file to write; an existing file is replaced.
        figures: folder to which each figure is written as SVG and PDF.
        data: folder or table of the data set; by default the one that each run was trained on.
        protocols: names or patterns; by default the customary protocols of the data set.
        weights: "best" on validation, or "last".
        embedding_map: method that maps embeddings to the plane; "umap" needs the extra "umap".
        machine: device, precision, workers and batch; by default the runs', if available.
        note: called with a line for the user.
        progress: called with (pictures embedded, total pictures), for each pass over the test pictures.

    Returns:
        `out`.

    Raises:
        MissingPackageError: the extra "report" is not installed.
        RunError: a run is missing or damaged, or the file cannot be written.
        ProtocolError: a protocol does not fit, or a run was trained on some of the test people.
        MvdError: as for `mvd.evaluate`.
    """
    require_choice("weights", weights, ("best", "last"))
    require_choice("embedding_map", embedding_map, get_args(MapMethod))
    runs = several(runs)
    if not runs:
        raise RunError("expected a run folder to report on, found none; name one (mvd runs lists those in runs/)")
    _require(embedding_map)
    out = Path(out)
    with writing(out):
        require_writable(out)
    if figures is not None:
        with writing(Path(figures)):
            require_writable_folder(Path(figures))
    from mvd.reporting.html.figures import write_figures
    from mvd.reporting.html.page import write_page

    asked = Asked(data, protocols, weights, embedding_map, machine or Machine(), note, progress)
    found = [explain(Path(folder), asked) for folder in runs]
    try:
        write_page(found, out)
        if figures is not None:
            write_figures(found, Path(figures))
    except OSError as error:
        raise cannot_write(out if figures is None else Path(error.filename or figures), error) from error
    return out


@dataclass(frozen=True)
class Asked:
    """The arguments of `report` that apply to each run; `report` documents them."""

    data: str | Path | None
    protocols: Sequence[str]
    weights: Literal["best", "last"]
    embedding_map: MapMethod
    machine: Machine
    note: Note
    progress: Progress | None


def explain(folder: Path, asked: Asked) -> RunReport:
    """Compute the content of a report on one run; the errors are those of `report`."""
    run = open_run(folder)
    root = data_of(run, asked.data)
    checkpoint, engine = run.own_checkpoint(asked.weights), load_engine(run.config)
    with machine_flags():
        config, lines = engine.adapt(run.config, asked.machine)
    for line in lines:
        asked.note(line)
    dataset = scan(root, trial=trial_of(run))
    seen = trained_people(run.data, dataset, root)
    if seen:
        raise ProtocolError(describe_trained(run.path, run.data, dataset, seen, "a report shows people not trained on"))
    chosen, galleries = prepare_test(dataset, asked.protocols)
    test, classes = dataset.test, len(run.data.identities)
    pictures = pictures_of(dataset, test, config, asked.progress)
    features = Features(
        descriptors=engine.embed(config, classes, checkpoint, pictures, modalities=test.modalities), samples=test
    )
    parts = []
    for protocol in chosen:
        lists = rank(features, protocol, galleries)[0]
        parts.append(
            ProtocolReport(
                scores=evaluate(features, protocol, galleries),
                retrievals=pick_retrievals(lists, test),
                groups=group_figures(lists, test),
                confusions=confusions(lists, test),
            )
        )
    directions = {protocol.query_modality for protocol in chosen}
    left_out: list[str] = []
    return RunReport(
        path=run.path,
        weights=asked.weights,
        card=run.card_with_tests(checkpoint),
        config=run.config,
        log=run.metrics(),
        data=dataset.root,
        samples=test,
        names=name_people(dataset, test.people.tolist()),
        upright=dataset.upright,
        protocols=parts,
        backwards=look_backwards(features) if directions == {Modality.INFRARED} else (),
        histograms=similarity_histograms(features),
        calibration=_calibration(run, checkpoint),
        map=embedding_map_of(asked.embedding_map, features, dataset, config, classes, left_out),
        heatmaps=heatmaps_of(config, classes, checkpoint, dataset, left_out),
        left_out=left_out,
    )


def _require(embedding_map: MapMethod) -> None:
    """Check that the required packages are installed, before minutes of computing."""
    packages = ["altair", "jinja2", "vl_convert"]
    packages += {"tsne": ["sklearn"], "umap": ["umap"], "none": []}[embedding_map]
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            extra = "umap" if package == "umap" else "report"
            raise MissingPackageError(
                f"expected the package {package}, which a report needs, found none; install it: "
                f"pip install 'mvd[{extra}]'"
            ) from error


def _calibration(run: RunFolder, checkpoint: Path) -> Calibration | None:
    from mvd.inference.identity import fingerprint_weights
    from mvd.inference.kept import kept_calibration

    return kept_calibration(checkpoint, fingerprint_weights(load_checkpoint(checkpoint)[0], run.config))
