"""A report as one self-contained HTML file: it includes pictures, charts and the library that draws the charts.

Each chart is included as SVG, for printing and for browsers without scripts; with scripts, Vega draws it again, with
tooltips. Nothing from a data set or a run is written into the page unescaped.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import vl_convert
from markupsafe import Markup

from mvd import __version__
from mvd.config.compare import config_fields, differing
from mvd.data.samples import Modality
from mvd.files.atomic import replacing
from mvd.metrics.calibration import Calibration
from mvd.metrics.explain import Neighbour, Retrieval
from mvd.reporting.card import card_lines
from mvd.reporting.html.charts import Figure, charts
from mvd.reporting.html.figures import to_svg
from mvd.reporting.html.labels import run_labels
from mvd.reporting.html.pictures import overlay, thumbnail
from mvd.reporting.terminal.style import percent
from mvd.results.report import Heatmaps, ProtocolReport, RunReport

_KINDS = {
    "best": "Best queries: found first, with the most similar match",
    "worst": "Worst queries: the first right picture is farthest behind",
    "random": "Random queries",
}


def write_page(runs: Sequence[RunReport], out: Path) -> None:
    """Write the report of runs to a file.

    Raises:
        DatasetError: a picture cannot be read.
        OSError: the file cannot be written.
    """
    labels = run_labels(runs)
    page = (
        _environment()
        .get_template("page.html.jinja")
        .render(
            title="Report of " + ", ".join(labels),
            version=__version__,
            figures=[_figure(figure) for figure in charts(runs, labels)],
            runs=[_run(run, label) for run, label in zip(runs, labels, strict=True)],
            comparison=_comparison(runs),
            labels=labels,
            table=_table(runs, labels),
            library=Markup(
                vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").replace("</script", r"<\/script")
            ),
        )
    )
    with replacing(out) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("mvd.reporting.html", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _data(value: object) -> Markup:
    """Write JSON for a script element, escaped so that no text in it can end the element."""
    return Markup(json.dumps(value).replace("<", "\\u003c"))


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "title": figure.title,
        "text": figure.text,
        "svg": Markup(to_svg(figure)),
        "specification": _data(figure.chart.to_dict()),
    }


def _table(runs: Sequence[RunReport], labels: Sequence[str]) -> list[list[str]]:
    """Build one row per run and protocol: mean ± deviation in percent."""
    rows = []
    for run, label in zip(runs, labels, strict=True):
        for part in run.protocols:
            mean, std, trials = part.scores.mean, part.scores.std, part.scores.trials
            cells = [
                percent(value) + (f" ± {percent(spread)}" if trials > 1 else "")
                for value, spread in zip(mean, std, strict=True)
            ]
            rows.append([label, part.scores.protocol, f"{part.scores.valid_queries} of {part.scores.queries}", *cells])
    return rows


def _comparison(runs: Sequence[RunReport]) -> list[tuple[str, list[str]]]:
    """List the settings in which runs differ."""
    if len(runs) < 2:
        return []
    fields = [config_fields(run.config) for run in runs]
    return [(name, [str(one.get(name, "–")) for one in fields]) for name in differing(fields)]


def _run(run: RunReport, label: str) -> dict[str, Any]:
    return {
        "label": label,
        "path": str(run.path),
        "weights": run.weights,
        "card": card_lines(run.card),
        "settings": sorted((name, str(value)) for name, value in config_fields(run.config).items()),
        "protocols": [_protocol(run, part) for part in run.protocols],
        "backwards": _kinds(run, run.backwards),
        "heatmaps": [] if run.heatmaps is None else _heatmaps(run, run.heatmaps),
        "left_out": run.left_out,
        "calibrated": run.calibration is not None,
    }


def _protocol(run: RunReport, part: ProtocolReport) -> dict[str, Any]:
    return {
        "name": part.scores.protocol,
        "kinds": _kinds(run, part.retrievals),
        "groups": [(group.name, group.queries, percent(group.rank_1)) for group in part.groups],
        "confusions": [(run.names[one.query], run.names.get(one.found, "junk"), one.times) for one in part.confusions],
    }


def _kinds(run: RunReport, retrievals: Sequence[Retrieval]) -> list[dict[str, Any]]:
    found = {kind: [_retrieval(run, one) for one in retrievals if one.kind == kind] for kind in _KINDS}
    return [{"title": _KINDS[kind], "queries": queries} for kind, queries in found.items() if queries]


def _retrieval(run: RunReport, one: Retrieval) -> dict[str, Any]:
    query = _picture(run, one.query)
    return {
        "query": query | {"text": f"query: {query['text']}"},
        "first_match": one.first_match,
        "nearest": [_neighbour(run, one.query, found) for found in one.nearest],
    }


def _neighbour(run: RunReport, query: int, found: Neighbour) -> dict[str, Any]:
    picture = _picture(run, found.row)
    probability = _probability(run.calibration, run, query, found)
    verdict = "right" if found.match else "wrong"
    text = f"{verdict}: {picture['text']}, similarity {found.similarity:.2f}"
    if probability is not None:
        text += f", probability {probability}"
    return picture | {
        "match": found.match,
        "similarity": f"{found.similarity:.2f}",
        "probability": probability,
        "text": text,
    }


def _probability(calibration: Calibration | None, run: RunReport, query: int, found: Neighbour) -> str | None:
    modalities = [int(run.samples.modalities[row]) for row in (query, found.row)]
    if calibration is None or not calibration.covers(*modalities):
        return None
    people = max(2, len(run.names))
    return f"{float(calibration.probability([found.similarity], *modalities, prior=1 / people)[0]):.0%}"


def _picture(run: RunReport, row: int) -> dict[str, Any]:
    identity, camera = int(run.samples.identities[row]), int(run.samples.cameras[row])
    name = run.names.get(identity, "junk")
    modality = Modality(int(run.samples.modalities[row])).name.lower()
    return {
        "source": thumbnail(_file(run, row), upright=run.upright),
        "identity": name,
        "camera": str(camera) if camera else "unknown",
        "text": f"{modality} picture of {name}" + (f", camera {camera}" if camera else ""),
    }


def _heatmaps(run: RunReport, found: Heatmaps) -> list[dict[str, Any]]:
    """List the heat maps by person: both pictures, each with its map."""
    people: dict[str, list[dict[str, str]]] = {}
    for row, heat in zip(found.rows.tolist(), found.maps, strict=True):
        picture = _picture(run, row)
        people.setdefault(picture["identity"], []).append(
            {
                "source": picture["source"],
                "heat": overlay(_file(run, row), heat, upright=run.upright),
                "text": picture["text"],
            }
        )
    return [{"identity": identity, "pictures": pictures} for identity, pictures in people.items()]


def _file(run: RunReport, row: int) -> Path:
    return run.data / str(run.samples.paths[row])
