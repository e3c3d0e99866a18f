"""`mvd evaluate`."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from rich.console import Console
from tyro.conf import Positional, arg

from mvd.cli.screen import open_console, print_results, say
from mvd.config import Descriptor, Machine
from mvd.errors import ConfigError

if TYPE_CHECKING:
    from mvd.metrics.rerank import Reranking
    from mvd.metrics.scores import Scores


@dataclass(frozen=True, kw_only=True)
class Evaluate(Machine):
    """Evaluate runs on the test people: CMC, mAP and mINP.

    Every figure carries the name of its protocol. Runs of several RegDB trials are also averaged.
    """

    runs: Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN ...", help_behavior_hint="(required)")]
    """run folders"""
    data: Path | None = None
    """folder or table of the data set; by default the one that the run was trained on"""
    protocols: tuple[str, ...] = ()
    """protocols by name or pattern, such as 'sysu/*/multi-shot/official'; `mvd protocols` lists them"""
    trial: int | None = None
    """RegDB's split, 1 to 10, for a run that was not trained on RegDB"""
    weights: Literal["best", "last", "initial"] = "best"
    """best on validation (without validation: the last), last, or initial (before training)"""
    descriptor: Descriptor | None = None
    """features that form the descriptor, instead of those in the run's configuration"""
    allow_trained_identities: bool = False
    """include test identities that the run was trained on; such figures do not count as its test figures"""
    rerank: bool = False
    """also re-rank by k-reciprocal neighbours, in rows of their own"""
    k1: int = 20
    """neighbours that re-ranking considers"""
    k2: int = 6
    """neighbours that re-ranking averages over"""
    rerank_weight: float = 0.3
    """weight of the original distance in re-ranking, 0 to 1"""
    save: Path | None = None
    """also write the ranked list of each query, with distances, to this .npz file (docs/metrics.md)"""
    save_top: int = 0
    """pictures in each of those lists; 0: the whole gallery"""
    format: Literal["table", "json", "markdown", "latex"] = "table"
    """output format"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.results.evaluate import evaluate
        from mvd.metrics.scores import join_trials
        from mvd.reporting.terminal.progress import counting_bar

        if not self.runs:
            raise ConfigError("expected a run folder to evaluate, found none; name one (mvd runs lists those in runs/)")
        self._check_flags()
        if self.save is not None and len(self.runs) > 1:
            raise ConfigError(f"--save: expected one run, found {len(self.runs)}; give each a file of its own")
        progress = open_console(stderr=True)  # stdout may be piped into a file
        rows: list[tuple[str, Scores]] = []
        for run in self.runs:
            with counting_bar(progress, "embedding") as bar:
                results = evaluate(
                    run,
                    data=self.data,
                    trial=self.trial,
                    protocols=self.protocols,
                    reranking=self._reranking,
                    weights=self.weights,
                    descriptor=self.descriptor,
                    allow_trained_identities=self.allow_trained_identities,
                    save=self.save,
                    save_top=self.save_top,
                    machine=self,
                    note=lambda line: say(progress, line),
                    progress=bar,
                )
            label = self.weights if len(self.runs) == 1 else str(run)
            label += f", {self.descriptor}" if self.descriptor else ""
            rows += [(label, result) for result in results]
        directions = defaultdict(list)
        for _, result in rows:
            directions[result.protocol.partition("/trial-")[0], result.ranking].append(result)
        if len(self.runs) > 1 and all("/trial-" in result.protocol for _, result in rows):
            rows += [("all trials", join_trials(results)) for results in directions.values()]
        self._print(console, rows)
        return 0

    def _check_flags(self) -> None:
        """Refuse flags that would have no effect."""
        if self.save is None and self.save_top:
            raise ConfigError("--save-top: expected --save FILE.npz beside it, found none; add it")
        for name in ("k1", "k2", "rerank_weight"):
            if not self.rerank and getattr(self, name) != getattr(Evaluate, name):
                flag = f"--{name.replace('_', '-')}"
                raise ConfigError(f"{flag}: expected --rerank beside it, found none; add it, or leave {flag} out")

    @property
    def _reranking(self) -> Reranking | None:
        from mvd.metrics.rerank import Reranking

        return Reranking(k1=self.k1, k2=self.k2, weight=self.rerank_weight) if self.rerank else None

    def _print(self, console: Console, rows: list[tuple[str, Scores]]) -> None:
        from mvd.reporting.rows import latex_rows, markdown_rows

        match self.format:
            case "table":
                print_results(console, rows)
            case "json":
                print(json.dumps([{"label": label, **result.to_dict()} for label, result in rows], indent=2))
            case "markdown":
                print(markdown_rows(rows))
            case "latex":
                print(latex_rows(rows))
