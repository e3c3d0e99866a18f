"""`mvd convert`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from rich.console import Console
from tyro.conf import Positional, arg

from mvd.cli.screen import say
from mvd.errors import counted


@dataclass(frozen=True, kw_only=True)
class Convert:
    """Write weights in the format and names of another framework."""

    file: Annotated[Positional[Path], arg(metavar="FILE")]
    """weights of an MVD network, ours or released, or of a ResNet: .safetensors, .ckpt, .pth"""
    out: Annotated[Positional[Path], arg(metavar="OUT")]
    """file to write"""
    to: Literal["mvd", "mindspore", "pytorch"]
    """mvd: .safetensors; mindspore: .ckpt; pytorch: .pth; the last two with the names of that release"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.weights.load import convert

        report = convert(self.file, self.out, to=self.to)
        say(console, f"{self.out}: {counted(len(report.matched), 'array')}")
        if report.left_over:
            say(console, f"not written, since {self.to} has no place for them: {', '.join(report.left_over)}")
        return 0
