"""`mvd import`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from rich.console import Console
from tyro.conf import AvoidSubcommands, Positional, arg

from mvd.cli.screen import say
from mvd.config import RunConfig
from mvd.config.recipes import RecipeName
from mvd.files.names import shell_words


@dataclass(frozen=True, kw_only=True)
class Import:
    """Make a run folder of a network that was trained elsewhere.

    Every field of the configuration is a flag; the recipe gives the values that are not set.
    """

    file: Annotated[Positional[Path], arg(metavar="FILE")]
    """weights of a whole network, ours or a released one's: .safetensors, .ckpt, .pth"""
    out: Annotated[Positional[Path], arg(metavar="OUT")]
    """run folder to create"""
    data: Annotated[Positional[Path], arg(metavar="DATA")]
    """folder of the data set to evaluate it on, or CSV table of own pictures"""
    recipe: RecipeName = "mvd"
    """configuration of the network: mvd-mindspore or mvd-cvpr21 for the two releases"""
    replace: bool = False
    """delete the run that is in the folder"""
    config: Annotated[RunConfig, arg(name=""), AvoidSubcommands] = field(default_factory=RunConfig)

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.weights.import_weights import import_weights
        from mvd.reporting.weights import weights_lines

        run, report = import_weights(self.file, self.out, self.data, self.config, replace=self.replace)
        say(console, *weights_lines(self.file, report), f"next: {shell_words('mvd', 'evaluate', run.path)}")
        return 0
