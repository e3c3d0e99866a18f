"""Prints the learning curve of a run: its loss, its validations, and the time to a rank-1 of 50 %.

Usage: python benchmarks/learning.py RUN [--chart FILE.svg]
       python benchmarks/learning.py METRICS --batch 64 [--chart FILE.svg]

METRICS is a run's metrics.jsonl. Times are computed from log lines, as pictures divided by pictures per second: without
validations and checkpoints. The chart needs the extra `report`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mvd.runs import open_run


class Line(NamedTuple):
    """Of a line of metrics: step, seconds of training so far, pictures a second, loss, and figures of a validation."""

    step: int
    seconds: float
    rate: float
    loss: float
    figures: Mapping[str, float]


def main() -> None:
    """Print a line for each validation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--batch", type=int, help="pictures in a batch, if METRICS are given")
    parser.add_argument("--chart", type=Path)
    given = parser.parse_args()
    if given.run.is_dir():
        run = open_run(given.run)
        records, batch = list(run.metrics()), run.config.batch_size
    else:
        records, batch = [json.loads(line) for line in given.run.read_text().splitlines()], given.batch
    lines = log_lines(records, batch)
    seen = [one for one in lines if one.figures]
    for one in seen:
        shown = ", ".join(f"{name} {value:.3f}" for name, value in one.figures.items())
        print(
            f"step {one.step}, {one.seconds:.0f} s of training, {one.rate:.0f} pictures/s, loss {one.loss:.3f}: {shown}"
        )
    reached = next((one.seconds for one in seen if one.figures["rank-1"] >= 0.5), None)
    print(f"rank-1 of 50 % after {reached:.0f} s" if reached is not None else "rank-1 of 50 % was not reached")
    memory: dict[str, int] = next((record["memory"] for record in reversed(records) if "memory" in record), {})
    print(f"peak memory, GB: { {name: round(value / 1e9, 1) for name, value in memory.items()} }")
    if given.chart is not None:
        draw(lines, given.chart)


def log_lines(records: Iterable[Mapping[str, Any]], batch: int) -> list[Line]:
    """List the lines of a run's metrics with the seconds of training before each."""
    found: list[Line] = []
    step, seconds, rate, loss = 0, 0.0, 0.0, 0.0
    for record in records:
        if "losses" in record:
            rate, loss = record["pictures_per_second"], record["losses"]["total"]
            seconds += (record["step"] - step) * batch / rate
            step = record["step"]
        found.append(Line(step, seconds, rate, loss, record.get("validation", {})))
    return found


def draw(lines: Iterable[Line], file: Path) -> None:
    """Draw figures and loss over seconds of training, side by side."""
    import altair as alt
    import vl_convert

    rows = [
        {"seconds": one.seconds, "name": name, "share": one.figures[name]}
        for one in lines
        if one.figures
        for name in ("rank-1", "mAP")
    ]
    losses = [{"seconds": one.seconds, "loss": one.loss} for one in lines if not one.figures]
    seconds = alt.X("seconds:Q", title="seconds of training", scale=alt.Scale(domainMin=0))
    figures = alt.layer(
        alt.Chart(_data([{"half": 0.5}])).mark_rule(strokeDash=[4, 4]).encode(y="half:Q"),
        alt.Chart(_data(rows))
        .mark_line(point=True)
        .encode(
            x=seconds,
            y=alt.Y("share:Q", title=None, axis=alt.Axis(format="%")),
            color=alt.Color("name:N", title=None, sort=None, legend=alt.Legend(orient="top")),
        ),
        title="validation on unseen people",
    )
    loss = (
        alt.Chart(_data(losses), title="training loss")
        .mark_line(color="grey", strokeWidth=1)
        .encode(x=seconds, y=alt.Y("loss:Q", title=None))
    )
    both = alt.hconcat(figures.properties(width=300, height=200), loss.properties(width=300, height=200))
    file.write_text(vl_convert.vegalite_to_svg(both.configure(background="white").to_dict()))


def _data(rows: list[dict[str, Any]]) -> Any:
    import altair as alt

    return alt.Data(values=rows)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
