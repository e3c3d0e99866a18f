"""The result of `mvd demo`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mvd.metrics.scores import Scores
from mvd.runs import RunFolder


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """The run and the scores of the demo.

    Attributes:
        run: the run folder; its data set consists of the rendered pictures.
        sheet: a contact sheet of the people.
        untrained: scores of the network before training, one per search.
        trained: scores of the best checkpoint.
    """

    run: RunFolder
    sheet: Path
    untrained: list[Scores]
    trained: list[Scores]
