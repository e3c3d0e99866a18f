"""`mvd push`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rich.console import Console
from tyro.conf import Positional, arg

from mvd.cli.screen import say


@dataclass(frozen=True, kw_only=True)
class Push:
    """Upload the best weights of a run to the Hugging Face hub.

    They are loaded by `mvd.Embedder.from_pretrained("OWNER/NAME")`. Log in first: hf auth login.
    """

    run: Annotated[Positional[Path], arg(metavar="RUN")]
    """run folder"""
    name: Annotated[Positional[str], arg(metavar="NAME")]
    """OWNER/NAME on the hub; with --local, a folder to write to"""
    private: bool = False
    """create a private repository"""
    local: bool = False
    """write the files to a folder instead of uploading them"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.weights.push import push, save_model

        if self.local:
            save_model(self.run, Path(self.name), Path(self.name).name)
            say(console, f"{self.name}: the model and its page")
        else:
            say(console, push(self.run, self.name, private=self.private))
        return 0
