"""`mvd benchmark`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from rich.console import Console
from tyro.conf import Positional, arg

from mvd.cli.screen import Bars, open_console, say
from mvd.cli.training.settings import change, parse_setting, split_recipe
from mvd.config.recipes import RecipeName
from mvd.errors import ConfigError

if TYPE_CHECKING:
    from mvd.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Train and test recipes on fixed rendered people.

    Render the people of rendered-1, train each recipe with an equal budget, and add rows to the table in the folder.
    The same command continues a stopped benchmark.
    """

    out: Annotated[Positional[Path], arg(metavar="[FOLDER]")] = Path("runs/benchmark")
    """folder of the people, the runs and the table"""
    recipes: tuple[RecipeName, ...] = ("baseline", "mvd", "mvd-strong")
    """recipes to train; with no name after it, only show the table"""
    own: tuple[str, ...] = ()
    """rows of your own, each as NAME='[--recipe RECIPE] FLAGS' with flags of mvd train (docs/benchmark.md)"""
    size: Literal["small", "medium", "full"] = "small"
    """small: half an hour of one core per run; medium: over an hour of two; full: SYSU-MM01's size, for a GPU"""
    seeds: tuple[int, ...] = (0,)
    """seeds; each row is trained once with each"""
    spectra: tuple[Literal["near-infrared", "thermal"], ...] = ("near-infrared",)
    """what the infrared cameras record"""
    against: str | None = None
    """row to compare with: show differences from it, seed by seed, instead of figures"""
    device: str = "cpu"
    """device to train on: cpu, cuda, cuda:1, …; auto: the first available"""
    workers: int = 1
    """parallel runs, and processes that render"""
    format: Literal["table", "markdown"] = "table"
    """output format; the folder has the table as Markdown, and as JSON with every seed"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.training.benchmark import benchmark, write_table
        from mvd.reporting.benchmark import benchmark_markdown, benchmark_tables

        own = self._own()
        self._check_against({*self.recipes, *own})
        result = benchmark(
            self.out,
            self.recipes,
            size=self.size,
            own=own,
            seeds=self.seeds,
            spectra=self.spectra,
            device=self.device,
            workers=self.workers,
            screens=Bars(open_console(stderr=True)),
        )
        file = write_table(self.out, result, benchmark_markdown(result))
        if self.format == "markdown":
            print(benchmark_markdown(result, self.against))
        else:
            console.print(*benchmark_tables(result, self.against), sep="\n")
            say(console, f"{file}: the table as Markdown")
        return 0

    def _check_against(self, rows: set[str]) -> None:
        """Refuse a row that is neither finished nor asked for, before hours of training."""
        from mvd.commands.training.figures import tested_rows

        there = {name for place in (self.out / self.size).glob("*") for name in tested_rows(place)}
        if self.against is not None and self.against not in rows | there:
            names = ", ".join(sorted(rows | there)) or "none yet"
            raise ConfigError(f"--against: expected a row that is there or asked for ({names}), found {self.against!r}")

    def _own(self) -> dict[str, RunConfig]:
        from mvd.commands.training.benchmark import lost_changes, sized

        rows: dict[str, RunConfig] = {}
        for text in self.own:
            name, flags = parse_setting(text, "--own")
            if name in rows:
                raise ConfigError(f"--own: expected a name for each row, found {name!r} twice")
            recipe, flags = split_recipe(flags)
            base = sized("mvd" if recipe is None else recipe, self.size)
            rows[name] = change(base, flags, f"benchmark --own {name!r}")
            if lost := lost_changes(base, rows[name], self.size):
                raise ConfigError(
                    f"--own: expected no flags of what the benchmark sets for every row (budget, seeds and device), "
                    f"found {', '.join(lost)} of {name!r}; leave them out: see --seeds, --device and --size"
                )
        return rows
