"""`mvd show`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from rich.console import Console
from tyro.conf import Positional, arg


@dataclass(frozen=True, kw_only=True)
class Show:
    """Show what a file of weights holds: card, format, network."""

    file: Annotated[Positional[Path], arg(metavar="FILE")]
    """file of weights, exported .onnx, run folder (its best checkpoint), model folder, or rendered"""
    tensors: bool = False
    """list every tensor with its type and shape"""
    format: Literal["table", "json"] = "table"
    """output format"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.weights.show import show
        from mvd.reporting.card import shown_json, shown_report

        shown = show(self.file)
        if self.format == "json":
            print(shown_json(shown))
        else:
            console.print(shown_report(shown, tensors=self.tensors))
        return 0
