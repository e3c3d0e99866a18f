"""The figures of a report as files: each as SVG and as PDF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import vl_convert

from mvd.files.atomic import replacing
from mvd.reporting.html.charts import Figure, charts
from mvd.reporting.html.labels import run_labels
from mvd.results.report import RunReport


def to_svg(figure: Figure) -> str:
    """Draw a figure as SVG."""
    svg: str = vl_convert.vegalite_to_svg(figure.chart.to_dict(), vl_version=_VERSION)
    return svg


def write_figures(runs: Sequence[RunReport], folder: Path) -> None:
    """Create a folder and write every figure of a report to it, as NAME.svg and NAME.pdf.

    Raises:
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for figure in charts(runs, run_labels(runs)):
        svg = to_svg(figure)
        for ending, content in (("svg", svg.encode()), ("pdf", vl_convert.svg_to_pdf(svg))):
            file = folder / f"{figure.name}.{ending}"
            with replacing(file) as temporary:
                temporary.write_bytes(content)


def _schema_version() -> str:
    import altair

    major, minor, *_ = altair.SCHEMA_VERSION.lstrip("v").split(".")
    return f"{major}.{minor}"


_VERSION = _schema_version()
