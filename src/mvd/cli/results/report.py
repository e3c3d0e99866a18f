"""`mvd report`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from rich.console import Console
from tyro.conf import Positional, arg

from mvd.cli.screen import open_console, say
from mvd.config import Machine


@dataclass(frozen=True, kw_only=True)
class Report(Machine):
    """Explain runs in one HTML file: curves, queries, errors.

    The file needs no network connection. It contains test pictures: treat it accordingly.
    """

    runs: Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN ...", help_behavior_hint="(required)")]
    """run folders; several are compared"""
    out: Path = Path("report.html")
    """file to write"""
    figures: Path | None = None
    """also write each figure to this folder, as SVG and PDF"""
    data: Path | None = None
    """folder or table of the data set; by default the one that the run was trained on"""
    protocols: tuple[str, ...] = ()
    """protocols by name or pattern; `mvd protocols` lists them"""
    weights: Literal["best", "last"] = "best"
    """best on validation (without validation: the last), or last"""
    map: Literal["tsne", "umap", "none"] = "tsne"
    """method of the map of embeddings; umap needs the extra mvd[umap]"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.results.report import report
        from mvd.reporting.terminal.progress import counting_bar

        progress = open_console(stderr=True)
        with counting_bar(progress, "embedding") as bar:
            file = report(
                self.runs,
                self.out,
                figures=self.figures,
                data=self.data,
                protocols=self.protocols,
                weights=self.weights,
                embedding_map=self.map,
                machine=self,
                note=lambda line: say(progress, line),
                progress=bar,
            )
        say(console, f"{file}: written, {file.stat().st_size / 1e6:.1f} MB; open it in a browser")
        return 0
