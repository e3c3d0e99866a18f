"""The result of `mvd demo`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mvd.metrics.scores import Scores
from mvd.runs import RunFolder


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """What the demo trained and measured.

    Attributes:
        run: the run folder; its data are the rendered pictures.
        sheet: a contact sheet of the people.
        untrained: scores of the network before training, one per search.
        trained: scores of its best checkpoint.
    """

    run: RunFolder
    sheet: Path
    untrained: list[Scores]
    trained: list[Scores]
