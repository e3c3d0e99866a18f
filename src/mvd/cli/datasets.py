"""`mvd synth`, `check`, `split`, `prepare`: what is done to data sets before anything is trained."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rich.console import Console
from tyro.conf import Positional

from mvd.config import RunConfig
from mvd.config.recipes import RECIPES
from mvd.synthetic.config import Difficulty


@dataclass(frozen=True, kw_only=True)
class Synth:
    """Render a synthetic data set: people seen by visible and infrared cameras."""

    out: Positional[Path]
    """folder to make"""
    layout: Literal["sysu", "regdb", "llcm", "folder", "csv"] | None = None
    """how it lies on the disk, which decides on the cameras too: as SYSU-MM01 (if not given), RegDB (whose infrared is
    thermal) or LLCM, or as own data in folders or with a table"""
    like: Literal["sysu-mm01", "regdb", "llcm"] | None = None
    """give it the numbers of people and pictures of a real data set (45,863, 8240 or 46,767 pictures), and its layout,
    instead of the four below"""
    train: int = 64
    """people to train on"""
    validation: int | None = None
    """people to choose the best weights by; 12, if not given, or 0 in RegDB's and LLCM's layout, which have none"""
    test: int = 24
    """people to test on"""
    pictures: int = 8
    """pictures of each person by each camera (and in each modality, if it has both)"""
    height: int | None = None
    """height of the pictures in pixels, before they vary; 240, if not given, or 128 in RegDB's layout"""
    seed: int = 0
    """another seed, other people"""
    difficulty: Difficulty = field(default_factory=Difficulty)
    thermal: bool = False
    """let the infrared cameras see heat instead of the near infrared"""
    workers: int = 0
    """processes; 0 means one for each core"""
    sheet: Path | None = None
    """also draw a contact sheet into this PNG file: people in rows, cameras in columns"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.synth import draw_sheet, synth
        from mvd.report.progress import counting_bar
        from mvd.synthetic import LAYOUTS, LLCM, REGDB, SYSU_MM01, LayoutName, Plan, SyntheticConfig, even_plan

        originals: dict[str, tuple[LayoutName, Plan]] = {
            "sysu-mm01": ("sysu", SYSU_MM01),
            "regdb": ("regdb", REGDB),
            "llcm": ("llcm", LLCM),
        }
        its_layout, plan = originals[self.like] if self.like else (None, None)
        name: LayoutName = self.layout or its_layout or "sysu"
        layout = LAYOUTS[name]
        if plan is None:
            validation = (12 if layout.validates else 0) if self.validation is None else self.validation
            plan = even_plan(
                train=self.train, validation=validation, test=self.test, pictures=self.pictures, rig=layout.rig
            )
        height = self.height or plan.rig.height
        config = SyntheticConfig(
            seed=self.seed, plan=plan, height=height, thermal=self.thermal, difficulty=self.difficulty
        )
        with counting_bar(console, "rendering") as bar:
            data = synth(self.out, config, name, workers=self.workers, progress=bar)
        if self.sheet is not None:
            draw_sheet(self.sheet, config, people=8)
        console.print(f"{data}: {plan.pictures:,} pictures of {len(plan.people)} people", soft_wrap=True)
        console.print(f"next: mvd prepare {shlex.quote(str(data))}", soft_wrap=True)
        return 0


@dataclass(frozen=True, kw_only=True)
class Check:
    """Look at every file of a data set, and say what is there and everything that is wrong with it."""

    data: Positional[Path]
    """the data set's folder, or the CSV table of one's own pictures"""
    trial: int = 1
    """which of RegDB's ten splits"""
    workers: int = 0
    """threads; 0 means one for each core"""

    def __call__(self, console: Console) -> int:
        """Run the command; a data set with defects ends in 1."""
        from mvd.commands.check import check
        from mvd.report.inspection import inspection_report
        from mvd.report.progress import counting_bar

        with counting_bar(console, "checking") as bar:
            inspection = check(self.data, trial=self.trial, workers=self.workers, progress=bar)
        console.print(inspection_report(inspection))
        return 1 if inspection.defects else 0


@dataclass(frozen=True, kw_only=True)
class Split:
    """Deal the people of one's own pictures into those to train on, to validate on and to test on."""

    data: Positional[Path]
    """the folder, or the CSV table"""
    train: float = 0.5
    """share of the people to train on"""
    validation: float = 0.1
    """share of the people to choose the best weights by; all others are tested on"""
    seed: int = 0
    """another seed, other people"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.split import split

        dealt = split(self.data, train=self.train, validation=self.validation, seed=self.seed)
        left_out = f"; {dealt.left_out} seen in one modality only are left out" if dealt.left_out else ""
        console.print(
            f"{dealt.data}: {dealt.train} people to train on, {dealt.validation} to validate on, "
            f"{dealt.test} to test on{left_out}",
            soft_wrap=True,
        )
        console.print(f"next: mvd prepare {shlex.quote(str(dealt.data))}", soft_wrap=True)
        return 0


@dataclass(frozen=True, kw_only=True)
class Prepare:
    """Resize the training pictures into arrays, and read every other picture once."""

    data: Positional[Path]
    """the data set's folder, or the CSV table of one's own pictures"""
    out: Path | None = None
    """folder for the arrays; the data set's own, or trial-N in it for RegDB, if not given"""
    trial: int = 1
    """which of RegDB's ten splits"""
    height: int = 288
    """height in pixels"""
    width: int = 144
    """width in pixels"""
    decoder: Literal["pillow", "fast"] = "pillow"
    """pillow: as the original does; fast: about three times as quick, with slightly other pixels"""
    workers: int = 0
    """processes; 0 means one for each core"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.prepare import prepare
        from mvd.report.progress import counting_bar

        with counting_bar(console, "preparing") as bar:
            prepared = prepare(
                self.data,
                out=self.out,
                height=self.height,
                width=self.width,
                trial=self.trial,
                decoder=self.decoder,
                workers=self.workers,
                progress=bar,
            )
        console.print(f"{self.data}: {prepared.found}", soft_wrap=True)
        console.print(f"{prepared.folder}: arrays of {self.height}×{self.width} pixels", soft_wrap=True)
        console.print(f"next: mvd train {self._train_flags()}", soft_wrap=True)
        return 0

    def _train_flags(self) -> str:
        """Write what `mvd train` needs to be told to train on these arrays."""
        flags = [str(self.data)]
        if self.trial != 1:
            flags += ["--data.trial", str(self.trial)]
        if self.out is not None:
            flags += ["--prepared", str(self.out)]
        fitting = [name for name, recipe in RECIPES.items() if _size(recipe) == (self.height, self.width)]
        if fitting:
            flags += ["--recipe", fitting[0]]
        else:
            flags += ["--data.height", str(self.height), "--data.width", str(self.width)]
        return shlex.join(flags)


def _size(recipe: RunConfig) -> tuple[int, int]:
    return recipe.data.height, recipe.data.width
