"""`mvd push`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from tyro.conf import Positional

from mvd.cli.screen import say


@dataclass(frozen=True, kw_only=True)
class Push:
    """Upload the best weights of a run to the Hugging Face hub.

    `mvd.Embedder.from_pretrained` loads them from there. Log in first: hf auth login.
    """

    run: Positional[Path]
    """run folder"""
    name: Positional[str]
    """OWNER/NAME on the hub; or a folder to write the model to instead, with --local"""
    private: bool = False
    """create the repository as a private one"""
    local: bool = False
    """upload nothing: write the files to the folder of that name"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.weights.push import push, save_model

        if self.local:
            save_model(self.run, Path(self.name), Path(self.name).name)
            say(console, f"{self.name}: the model and its page")
        else:
            say(console, push(self.run, self.name, private=self.private))
        return 0
