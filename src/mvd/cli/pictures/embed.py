"""`mvd embed`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from tyro.conf import Positional

from mvd.cli.screen import open_console, say


@dataclass(frozen=True, kw_only=True)
class Embed:
    """Embed one's own pictures, into a file with a row for each.

    Killed and started again it continues.
    """

    model: Positional[str]
    """program of mvd export, run folder, checkpoint, folder of a model, OWNER/NAME on the hub, or rendered"""
    pictures: Positional[tuple[str, ...]]
    """files, folders with all below them, patterns such as 'night/**/*.jpg', or CSV tables (columns path, modality,
    camera, time, identity, tags; only path is needed)"""
    out: Path
    """file to write: .parquet, or .npz for NumPy"""
    modality: Literal["auto", "visible", "infrared"] = "auto"
    """of all pictures; auto: the table's, else by a folder's name, else guessed from the pixels"""
    skip_bad: bool = False
    """leave out pictures that cannot be read and list them, instead of stopping at the first"""
    framework: Literal["auto", "pytorch", "mindspore"] = "auto"
    """framework to compute a checkpoint in; auto: the one that is installed, PyTorch first"""
    device: str = "auto"
    """device to compute on: cpu, cuda, cuda:1, …; auto: the first that is there"""
    precision: Literal["auto", "fp32", "tf32", "bf16"] = "auto"
    """arithmetic of a checkpoint; a program has its own"""
    workers: int = 0
    """threads that decode pictures; 0: one for each core"""
    batch: int = 64
    """pictures in a batch"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.pictures.embed_file import embed_to_file
        from mvd.report.terminal.progress import counting_bar

        errors = open_console(stderr=True)
        with counting_bar(errors, "embedding") as bar:
            done = embed_to_file(**vars(self), progress=bar)
        say(errors, *(f"skipped: {line}" for line in done.bad))
        told = ", ".join(f"{count:,} by {source}" for source, count in sorted(done.told.items()))
        if done.least_confidence is not None:
            told += f" (lowest confidence {done.least_confidence:.2f})"
        lines = [f"{done.file}: {done.pictures:,} pictures by {done.model}", f"modality: {told}"]
        if done.reused:
            lines.append(f"{done.reused:,} of them were there from an interrupted run")
        if done.bad:
            lines.append(f"{len(done.bad):,} pictures could not be read and were left out")
        say(console, *lines)
        return 0
