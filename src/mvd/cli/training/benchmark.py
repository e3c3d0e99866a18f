"""`mvd benchmark`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.console import Console
from tyro.conf import Positional

from mvd.cli.screen import Bars, open_console, say
from mvd.cli.training.settings import change, parse_setting
from mvd.config.recipes import RecipeName
from mvd.errors import ConfigError

if TYPE_CHECKING:
    from mvd.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Train and test recipes on fixed rendered people.

    Renders the people of rendered-1, gives each recipe an equal budget, and adds to the table in the folder. The same
    command continues a benchmark that was stopped.
    """

    out: Positional[Path] = Path("runs/benchmark")
    """folder of people, runs and table"""
    recipes: tuple[RecipeName, ...] = ("baseline", "mvd", "mvd-strong")
    """recipes to train; none, to show what is there"""
    own: tuple[str, ...] = ()
    """rows of your own, each as NAME='[--recipe RECIPE] FLAGS' with flags of mvd train, such as
    'no average=--recipe mvd-strong --optimizer.ema 0'"""
    size: Literal["small", "medium", "full"] = "small"
    """small: ten minutes of a core a run; medium: an hour of two cores; full: SYSU-MM01's size, for a GPU"""
    seeds: tuple[int, ...] = (0,)
    """seeds; each recipe has a run with each"""
    spectra: tuple[Literal["near-infrared", "thermal"], ...] = ("near-infrared",)
    """what the infrared cameras see"""
    device: str = "cpu"
    """device to train on; auto: the first that is there"""
    workers: int = 1
    """runs at a time, and processes that render"""
    format: Literal["table", "markdown"] = "table"
    """output; Markdown and the figures of every seed are written to the folder, too"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.training.benchmark import benchmark, write_table
        from mvd.report.benchmark import benchmark_markdown, benchmark_tables

        result = benchmark(
            self.out,
            self.recipes,
            size=self.size,
            own=self._own(),
            seeds=self.seeds,
            spectra=self.spectra,
            device=self.device,
            workers=self.workers,
            screens=Bars(open_console(stderr=True)),
        )
        text = benchmark_markdown(result)
        file = write_table(self.out, result, text)
        if self.format == "markdown":
            print(text)
        else:
            console.print(*benchmark_tables(result), sep="\n")
            say(console, f"{file}: the table as Markdown")
        return 0

    def _own(self) -> dict[str, RunConfig]:
        from mvd.commands.training.benchmark import sized

        rows: dict[str, RunConfig] = {}
        for text in self.own:
            name, flags = parse_setting(text, "--own")
            if name in rows:
                raise ConfigError(f"--own: expected a name for each row, found {name!r} twice")
            recipe = "mvd"
            if flags[:1] == ["--recipe"] and len(flags) > 1:
                recipe, flags = flags[1], flags[2:]
            rows[name] = change(sized(recipe, self.size), flags, f"benchmark --own {name!r}")
        return rows
