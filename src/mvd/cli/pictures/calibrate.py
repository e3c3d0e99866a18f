"""`mvd calibrate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from rich.console import Console
from tyro.conf import Positional, arg

from mvd.cli.screen import open_console, say
from mvd.errors import counted


@dataclass(frozen=True, kw_only=True)
class Calibrate:
    """Calibrate a model's similarities on held-out people.

    Probabilities and thresholds are saved with the model. Wide embeddings are first projected to a smaller width.
    """

    model: Annotated[Positional[str], arg(metavar="MODEL")]
    """run folder, ONNX file of mvd export, checkpoint, model folder, OWNER/NAME on the hub, or rendered"""
    data: Annotated[Positional[Path], arg(metavar="DATA")]
    """folder of a data set, or CSV table of own pictures"""
    out: Path | None = None
    """ONNX file to write: a calibrated copy of the model, which must be rendered or an ONNX file"""
    people: Literal["all", "validation", "test"] = "all"
    """held-out people to learn on: of the validation set, of the test set, or of both"""
    width: int = 512
    """project wider embeddings to this width, by PCA on training pictures; 0: no projection"""
    verdicts: tuple[Path, ...] = ()
    """galleries with results marked as right or wrong in mvd serve: learn on these too"""
    trial: int | None = None
    """split of RegDB; by default the one that the model was trained on"""
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
        from mvd.commands.pictures.calibrate import calibrate
        from mvd.reporting.calibration import calibration_table, camera_lines, verdict_table
        from mvd.reporting.terminal.progress import counting_bar

        errors = open_console(stderr=True)
        with counting_bar(errors, "calibrating") as bar:
            done = calibrate(**vars(self), note=lambda line: say(errors, line), progress=bar)
        say(console, f"{done.file}: calibrated on {done.calibration.data}, for {done.model}")
        if done.kept is not None:
            share = f"{done.kept:.1%} of the training pictures' variance"
            say(
                console,
                f"embeddings are projected from {done.wide} to {counted(done.model.width, 'number')}, keeping {share}",
            )
        if done.checks:
            console.print(calibration_table(done.checks))
        say(console, *camera_lines(done.calibration, done.checks))
        if done.verdicts:
            console.print(verdict_table(done.verdicts))
        return 0
