"""`mvd demo`."""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rich.console import Console
from tyro.conf import Positional, arg

from mvd.cli.screen import STOPPED, Bars, print_results, say
from mvd.config import Machine
from mvd.files.names import shell_words


@dataclass(frozen=True, kw_only=True)
class Demo(Machine):
    """Render people, train and evaluate, in minutes on a CPU."""

    out: Annotated[Positional[Path], arg(metavar="[FOLDER]")] = Path("demo")
    """folder to create, for the pictures and the run"""
    seed: int = 0
    """seed of the people and of training"""
    replace: bool = False
    """delete the demo that is in the folder"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.training.demo import demo

        start = time.monotonic()
        outcome = demo(self.out, self.seed, screens=Bars(console), replace_old=self.replace, machine=self)
        if outcome is None:
            say(console, f"stopped; start again with: {shell_words('mvd', 'demo', self.out, '--replace')}")
            return STOPPED
        rows = [("untrained", result) for result in outcome.untrained]
        rows += [("trained", result) for result in outcome.trained]
        print_results(console, sorted(rows, key=lambda row: row[1].protocol))
        minutes = (time.monotonic() - start) / 60
        run, data = outcome.run.path, outcome.run.data.root
        mvd = "mvd" if shutil.which("mvd") else sys.argv[0]  # the command as the user can type it
        say(
            console,
            f"{minutes:.1f} minutes. None of these people were seen in training.",
            "",
            f"the people:      {outcome.sheet}",
            f"the run:         {run}/config.json, {run}/metrics.jsonl, {outcome.run.best_checkpoint}",
            "",
            "What to try next:",
            f"  {shell_words(mvd, 'evaluate', run, '--protocols', 'sysu/*/multi-shot/official')}",
            "                                              ten gallery pictures a person and camera",
            f"  {shell_words(mvd, 'train', data, '--recipe', 'demo')} --losses.vsd-weight 0 --out runs/no-vsd",
            "                                              without self-distillation",
            f"  {mvd} synth data/people --like sysu-mm01      as many people and pictures as SYSU-MM01",
            f"  {mvd} prepare /path/to/SYSU-MM01              the real data set, then: mvd train",
        )
        return 0
