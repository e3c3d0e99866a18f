"""`mvd embed`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from rich.console import Console
from tyro.conf import Positional, arg

from mvd.cli.screen import open_console, say
from mvd.errors import counted


@dataclass(frozen=True, kw_only=True)
class Embed:
    """Embed pictures, and save the embeddings to a file.

    After an interruption, the same command continues.
    """

    model: Annotated[Positional[str], arg(metavar="MODEL")]
    """ONNX file of mvd export, run folder, checkpoint, model folder, OWNER/NAME on the hub, or rendered"""
    pictures: Annotated[Positional[tuple[str, ...]], arg(metavar="PICTURES ...", help_behavior_hint="(required)")]
    """files, folders (with subfolders), patterns such as 'night/**/*.jpg', or CSV tables with a column path"""
    out: Path
    """output file: .parquet, or .npz for NumPy"""
    modality: Literal["auto", "visible", "infrared"] = "auto"
    """modality of all pictures; auto: from the table, else from a folder's name, else guessed from the pixels"""
    skip_bad: bool = False
    """skip and list unreadable pictures, instead of stopping at the first"""
    framework: Literal["auto", "pytorch", "mindspore"] = "auto"
    """framework for a checkpoint; auto: the installed one, PyTorch if both are"""
    device: str = "auto"
    """device: cpu, cuda, cuda:1, …; auto: the first available"""
    precision: Literal["auto", "fp32", "tf32", "bf16"] = "auto"
    """precision for a checkpoint; an ONNX file has its own"""
    workers: int = 0
    """workers that decode pictures; 0: one per core"""
    batch: int = 0
    """batch size; 0: 64, or 256 on a GPU or Ascend with PyTorch"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.pictures.embed_file import embed_to_file
        from mvd.reporting.terminal.progress import counting_bar

        errors = open_console(stderr=True)
        with counting_bar(errors, "embedding") as bar:
            done = embed_to_file(**vars(self), progress=bar)
        say(errors, *(f"skipped: {line}" for line in done.bad))
        told = ", ".join(f"{count:,} by {source}" for source, count in sorted(done.told.items()))
        if done.least_confidence is not None:
            told += f" (lowest confidence {done.least_confidence:.2f})"
        lines = [f"{done.file}: {counted(done.pictures, 'picture')} by {done.model}", f"modality: {told}"]
        if done.reused:
            lines.append(f"of them by an interrupted run: {done.reused:,}")
        if done.bad:
            lines.append(f"skipped, since they could not be read: {counted(len(done.bad), 'picture')}")
        say(console, *lines)
        return 0
