"""`mvd ablate`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from rich.console import Console
from tyro.conf import AvoidSubcommands, Positional, arg

from mvd.cli.screen import open_console
from mvd.cli.training.settings import parse_settings
from mvd.config import RunConfig
from mvd.config.recipes import RecipeName


@dataclass(frozen=True, kw_only=True)
class Ablate:
    """Compare settings, or the paper's losses added one by one.

    Each setting is trained and tested with several seeds. Without --vary, bottlenecks, VSD, VCD, VML and CML are added
    one after another to specific and shared encoders; with it, each setting is compared with the unchanged
    configuration. Every field of the configuration is a flag. The same command continues a stopped ablation.
    """

    data: Annotated[Positional[Path], arg(metavar="DATA")]
    """folder of the data set, or CSV table of own pictures"""
    out: Path = Path("runs/ablation")
    """folder of the runs"""
    recipe: RecipeName = "mvd"
    """configuration to start from"""
    vary: tuple[str, ...] = ()
    """settings to compare, each as NAME='[--recipe RECIPE] FLAGS', such as 'no average=--optimizer.ema 0'"""
    seeds: tuple[int, ...] = (0, 1, 2)
    """seeds; each setting is trained once with each"""
    prepared: Path | None = None
    """folder of the prepared arrays, if not where `mvd prepare` puts them"""
    pretrained: Path | None = None
    """initial weights of every run, as for `mvd train`"""
    workers: int = 1
    """runs at a time; they share the cores"""
    format: Literal["table", "markdown"] = "table"
    """output format; ablation.json in the folder has the figures of every seed"""
    config: Annotated[RunConfig, arg(name=""), AvoidSubcommands] = field(default_factory=RunConfig)

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.training.ablate import ablate
        from mvd.reporting.ablation import ablation_markdown, ablation_tables
        from mvd.reporting.terminal.progress import counting_bar

        vary = parse_settings(self.vary, self.config)
        with counting_bar(open_console(stderr=True), "training and testing", "runs") as bar:
            bar(0, (6 if vary is None else 1 + len(vary)) * len(self.seeds))
            rungs = ablate(
                self.data,
                self.out,
                self.config,
                vary=vary,
                seeds=self.seeds,
                prepared=self.prepared,
                pretrained=self.pretrained,
                workers=self.workers,
                progress=bar,
            )
        if self.format == "markdown":
            print(ablation_markdown(rungs))
        else:
            console.print(*ablation_tables(rungs), sep="\n")
        return 0
