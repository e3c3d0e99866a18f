"""`mvd synth`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rich.console import Console
from tyro.conf import Positional

from mvd.cli.screen import say
from mvd.config.difficulty import Difficulty
from mvd.files.names import shell_words


@dataclass(frozen=True, kw_only=True)
class Synth:
    """Render people as a data set, visible and infrared."""

    out: Positional[Path]
    """folder to make"""
    layout: Literal["sysu", "regdb", "llcm", "folder", "csv"] | None = None
    """layout on the disk, and cameras: SYSU-MM01's (the default), RegDB's (thermal infrared) or LLCM's, or own
    pictures in folders or with a table"""
    like: Literal["sysu-mm01", "regdb", "llcm"] | None = None
    """use the numbers of people and pictures (45,863, 8240 or 46,767) and the layout of a real data set, instead of
    the four numbers below"""
    train: int = 64
    """identities to train on"""
    validation: int | None = None
    """identities to choose the best weights by; by default 12, or 0 in RegDB's and LLCM's layouts, which have none"""
    test: int = 24
    """identities to test on"""
    pictures: int = 8
    """pictures of each identity by each camera, in each modality"""
    height: int | None = None
    """mean height of the pictures in pixels; by default 240, or 128 in RegDB's layout"""
    seed: int = 0
    """decides the people and everything else"""
    difficulty: Difficulty = field(default_factory=Difficulty)
    thermal: bool = False
    """let the infrared cameras see heat instead of the near infrared"""
    varied: bool = False
    """people, places, cameras and boxes of the widest variety, every picture by another camera: a visible, a
    near-infrared and a thermal one; in the layout csv or folder"""
    workers: int = 0
    """processes; 0 is one for each core"""
    sheet: Path | None = None
    """also draw a contact sheet into this picture file: people in rows, cameras in columns"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.data.synth import synth
        from mvd.reporting.terminal.progress import counting_bar

        with counting_bar(console, "rendering") as bar:
            rendered = synth(**vars(self), progress=bar)
        say(
            console,
            f"{rendered.data}: {rendered.pictures:,} pictures of {rendered.people} people",
            f"next: {shell_words('mvd', 'prepare', rendered.data)}",
        )
        return 0
