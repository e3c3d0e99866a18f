"""Charts of a report, drawn by Altair: the same for the page, where they are interactive, and for files.

A chart never distinguishes data by colour alone: lines have dashes, points have shapes, and each chart has a text that
describes it. The colours are those of Okabe and Ito, which colour-blind people can distinguish.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt
import numpy as np

from mvd.data.samples import Modality
from mvd.errors import counted
from mvd.results.report import EmbeddingMap, RunReport

_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999"]
_DASHES = [[1, 0], [6, 3], [2, 2], [8, 2, 2, 2], [4, 4], [1, 3], [10, 4], [3, 1]]
_FALSE_ALARMS = 0.01
_FEW = 30  # a curve with at most this many places is drawn with points


class Figure(NamedTuple):
    """A chart: the name of its file, its title, a description in words, and its Vega-Lite specification."""

    name: str
    title: str
    text: str
    chart: Any


def charts(runs: Sequence[RunReport], labels: Sequence[str]) -> Iterator[Figure]:
    """Build the charts of runs: curves and CMC with all runs in one chart, the others one per run."""
    yield from _curves(runs, labels)
    yield from _cmc(runs, labels)
    for run, label in zip(runs, labels, strict=True):
        suffix = f"-{labels.index(label) + 1}" if len(runs) > 1 else ""
        of = f" of {label}" if len(runs) > 1 else ""
        if run.histograms:
            yield _similarities(run, f"similarities{suffix}", of)
        if run.map is not None:
            yield _map(run, run.map, f"map{suffix}", of)


def _curves(runs: Sequence[RunReport], labels: Sequence[str]) -> Iterator[Figure]:
    losses, figures = list[dict[str, Any]](), list[dict[str, Any]]()
    for run, label in zip(runs, labels, strict=True):
        for line in run.log:
            for kind, rows in (("losses", losses), ("validation", figures)):
                values: Mapping[str, float] = line.get(kind, {})
                rows += [
                    {"step": line["step"], "name": name, "value": value, "run": label} for name, value in values.items()
                ]
    if losses:
        chart = _lines(losses, "loss", runs, facet=True)
        terms = sorted({row["name"] for row in losses})
        yield Figure("losses", "Losses", f"Curves over training steps of the terms {', '.join(terms)}.", chart)
    if figures:
        chart = _lines(figures, "share", runs, facet=len(runs) > 1)
        names = ", ".join(dict.fromkeys(row["name"] for row in figures))
        best = max((row["value"] for row in figures if row["name"] == "mAP"), default=None)
        text = f"Curves over training steps of {names} on the validation identities"
        yield Figure("validation", "Validation", text + (f"; the best mAP is {best:.1%}." if best else "."), chart)


def _lines(rows: list[dict[str, Any]], title: str, runs: Sequence[RunReport], *, facet: bool) -> Any:
    """Draw curves: all in one chart, or with `facet` one chart per name with the curves of all runs."""
    # A curve of few steps is drawn with points, since its line could be too short to see.
    few = len({row["step"] for row in rows}) <= _FEW
    base = alt.Chart(_data(rows)).mark_line(point={"size": 18} if few else False)
    encoding: dict[str, Any] = {
        "x": alt.X("step:Q", title="step", axis=alt.Axis(tickMinStep=1, tickCount=5, format="d")),
        "y": alt.Y("value:Q", title=title, scale=alt.Scale(zero=title == "share")),
        "tooltip": [
            alt.Tooltip("run:N"),
            alt.Tooltip("name:N"),
            alt.Tooltip("step:Q"),
            alt.Tooltip("value:Q", format=".4f"),
        ],
    }
    if not facet or len(runs) > 1:
        field = "run" if facet else "name"
        encoding |= {
            "color": alt.Color(f"{field}:N", title=None, scale=alt.Scale(range=_COLOURS), legend=_below()),
            "strokeDash": alt.StrokeDash(f"{field}:N", title=None, scale=alt.Scale(range=_DASHES), legend=_below()),
        }
    if not facet:
        return base.encode(**encoding).properties(width=560, height=260)
    return (
        base.encode(**encoding)
        .properties(width=240, height=130)
        .facet(facet=alt.Facet("name:N", title=None), columns=3)
        .resolve_scale(y="shared" if title == "share" else "independent")
    )


def _cmc(runs: Sequence[RunReport], labels: Sequence[str]) -> Iterator[Figure]:
    rows, texts = [], []
    for run, label in zip(runs, labels, strict=True):
        for part in run.protocols:
            series = part.scores.protocol if len(runs) == 1 else f"{label}: {part.scores.protocol}"
            curve = part.scores.cmc.mean(axis=0)
            rows += [{"rank": k, "share": float(share), "series": series} for k, share in enumerate(curve, start=1)]
            texts.append(f"{series}: rank-1 {curve[0]:.1%}, rank-{len(curve)} {curve[-1]:.1%}")
    if rows:
        chart = (
            alt.Chart(_data(rows))
            .mark_line(point=True)
            .encode(
                x=alt.X("rank:Q", title="rank", scale=alt.Scale(zero=False, nice=False), axis=alt.Axis(tickMinStep=1)),
                y=alt.Y(
                    "share:Q", title="found at this rank or before", scale=alt.Scale(domain=[0, 1]), axis=_percent()
                ),
                color=alt.Color("series:N", title=None, scale=alt.Scale(range=_COLOURS), legend=_below()),
                strokeDash=alt.StrokeDash("series:N", title=None, scale=alt.Scale(range=_DASHES), legend=_below()),
                tooltip=[alt.Tooltip("series:N"), alt.Tooltip("rank:Q"), alt.Tooltip("share:Q", format=".1%")],
            )
            .properties(width=560, height=300)
        )
        yield Figure("cmc", "CMC, mean over trials", "; ".join(texts) + ".", chart)


def _similarities(run: RunReport, name: str, of: str) -> Figure:
    rows, texts = [], []
    for one in run.histograms:
        kind = "one person" if one.same else "two people"
        centres = (one.edges[:-1] + one.edges[1:]) / 2
        rows += [
            {"pair": one.pair, "kind": kind, "similarity": float(x), "share": float(share)}
            for x, share in zip(centres, one.shares, strict=True)
        ]
        texts.append(
            f"{one.pair}, {kind}: mean {float((centres * one.shares).sum()):.2f} over {counted(one.pairs, 'pair')}"
        )
    kinds = ["one person", "two people"]
    base = alt.Chart().encode(
        x=alt.X("similarity:Q", title="cosine similarity"),
        y=alt.Y("share:Q", title="share of pairs", stack=None, axis=_percent()),
        color=alt.Color("kind:N", title=None, scale=alt.Scale(domain=kinds, range=_COLOURS), legend=_below()),
        tooltip=[
            alt.Tooltip("kind:N"),
            alt.Tooltip("similarity:Q", format=".2f"),
            alt.Tooltip("share:Q", format=".2%"),
        ],
    )
    dash = alt.StrokeDash("kind:N", title=None, scale=alt.Scale(domain=kinds, range=_DASHES), legend=_below())
    lines = [
        base.mark_area(opacity=0.3, interpolate="step"),
        base.mark_line(interpolate="step").encode(strokeDash=dash),
    ]
    layers: list[Any] = lines
    if run.calibration is not None:
        thresholds = []
        people = len(run.names)
        for pair in sorted({one.pair for one in run.histograms}):
            query, gallery = (Modality[word.upper()] for word in pair.split("-"))
            if run.calibration.covers(query, gallery):
                at = run.calibration.threshold(_FALSE_ALARMS, people, query, gallery)
                thresholds.append({"pair": pair, "kind": "threshold", "similarity": at, "share": 0})
                texts.append(
                    f"{pair}: threshold {at:.2f} for {_FALSE_ALARMS:.0%} false alarms in a gallery of "
                    f"{counted(people, 'person')}"
                )
        rows += thresholds
        rule = (
            alt.Chart()
            .mark_rule(strokeDash=[4, 4], size=2)
            .encode(x="similarity:Q")
            .transform_filter(alt.datum.kind == "threshold")
        )
        layers = [*(line.transform_filter(alt.datum.kind != "threshold") for line in lines), rule]
    chart = (
        alt.layer(*layers, data=_data(rows))
        .properties(width=240, height=180)
        .facet(facet=alt.Facet("pair:N", title=None), columns=3)
    )
    return Figure(name, f"Similarities between test pictures{of}", "; ".join(texts) + ".", chart)


def _map(run: RunReport, found: EmbeddingMap, name: str, of: str) -> Figure:
    test = run.samples
    rows = []
    for when, plane in (("before training", found.before), ("after training", found.after)):
        unit = (plane - plane.mean(axis=0)) / np.abs(plane - plane.mean(axis=0)).max()
        rows += [
            {
                "when": when,
                "x": float(x),
                "y": float(y),
                "identity": run.names[int(test.identities[row])],
                "modality": Modality(int(test.modalities[row])).name.lower(),
                "camera": int(test.cameras[row]),
            }
            for row, (x, y) in zip(found.rows.tolist(), unit, strict=True)
        ]
    people = len({row["identity"] for row in rows})

    def panel(when: str, by: str) -> Any:
        # The same domain as for the shapes, so that Vega-Lite merges both legends.
        spectra = alt.Scale(domain=["visible", "infrared"], range=_COLOURS)
        scheme = spectra if by == "modality" else alt.Scale(scheme="tableau20")
        return (
            alt.Chart(title=f"{when}, by {by}")
            .mark_point(filled=True, opacity=0.8, size=45)
            .encode(
                x=alt.X("x:Q", title=None, axis=None),
                y=alt.Y("y:Q", title=None, axis=None),
                color=alt.Color(f"{by}:N", scale=scheme, legend=alt.Legend(columns=1, symbolLimit=20)),
                shape=alt.Shape(
                    "modality:N", scale=alt.Scale(domain=["visible", "infrared"], range=["circle", "triangle"])
                ),
                tooltip=[alt.Tooltip(f"{field}:N") for field in ("identity", "modality", "camera")],
            )
            .transform_filter(alt.datum.when == when)
            .properties(width=260, height=260)
        )

    columns = [
        alt.vconcat(*(panel(when, by) for when in ("before training", "after training"))).resolve_scale(
            color="shared", shape="shared"
        )
        for by in ("identity", "modality")
    ]
    chart = alt.hconcat(*columns, data=_data(rows)).resolve_scale(color="independent", shape="independent")
    text = (
        f"{found.method} of {counted(len(found.rows), 'picture')} of {counted(people, 'test person')}, "
        f"before and after training. In a good embedding, the points of an identity lie together, and both modalities "
        f"of it."
    )
    return Figure(name, f"Map of embeddings{of}", text, chart)


def _data(rows: list[dict[str, Any]]) -> Any:
    return alt.Data(values=rows)  # type: ignore[no-untyped-call]


def _percent() -> alt.Axis:
    return alt.Axis(format="~%")


def _below() -> alt.Legend:
    return alt.Legend(
        orient="bottom",
        columns=1,
        labelLimit=520,
        symbolType="stroke",
        symbolSize=600,
        symbolOpacity=1,
        symbolStrokeWidth=2,
    )
