"""`mvd export`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from rich.console import Console
from tyro.conf import Positional, arg

from mvd.cli.screen import open_console, print_results, say
from mvd.config import Machine


@dataclass(frozen=True, kw_only=True)
class Export:
    """Export a run's network as ONNX or MindIR, and verify it.

    The metadata describe inputs and outputs and contain the model card: in the ONNX file, where `mvd show` reads them,
    or beside the MindIR file.
    """

    run: Annotated[Positional[Path], arg(metavar="RUN")]
    """run folder"""
    out: Path | None = None
    """file to write, by default mvd.onnx or mvd.mindir in the run folder; -fp16 and -int8 are added to its name"""
    format: Literal["auto", "onnx", "mindir"] = "auto"
    """onnx: written by PyTorch; mindir: written by MindSpore; auto: the framework's own"""
    framework: Literal["auto", "pytorch", "mindspore"] = "auto"
    """framework to export from; auto: the one that writes the format, or the run's"""
    numbers: tuple[Literal["fp32", "fp16", "int8"], ...] = ("fp32",)
    """number formats, a file each; int8 is calibrated on training pictures"""
    preprocessing: Literal["inside", "outside"] = "inside"
    """inside: the program takes RGB pictures, uint8; outside: normalised ones, float32"""
    weights: Literal["best", "last"] = "best"
    """best on validation (without validation: the last), or last"""
    data: Path | None = None
    """folder or table of the data set to verify on; by default the one that the run was trained on"""
    protocols: tuple[str, ...] = ()
    """protocols by name or pattern; `mvd protocols` lists them"""
    workers: int = 0
    """workers that decode pictures; 0: the run's number"""
    batch: int = 0
    """batch size for embedding; 0: the run's"""
    measure: Literal["all", "some"] = "all"
    """all: evaluate each file on all test pictures; some: only compare embeddings, on 32 of them"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.weights.export import export
        from mvd.reporting.terminal.progress import counting_bar

        with counting_bar(open_console(stderr=True), "exporting", "programs") as bar:
            done = export(
                self.run,
                self.out,
                format=self.format,
                variants=self.numbers,
                preprocessing=self.preprocessing,
                weights=self.weights,
                data=self.data,
                protocols=self.protocols,
                measure=self.measure == "all",
                machine=Machine(framework=self.framework, workers=self.workers, batch=self.batch),
                progress=bar,
            )
        for one in done.programs:
            apart = f"at most {one.difference:.1e} from {done.framework}'s embeddings"
            line = f"{one.file}: {one.variant}, {one.size:,} bytes, {apart}"
            say(console, line)
        say(console, f"compared on {done.compared}")
        if done.reference:
            program = "ONNX" if done.format == "onnx" else "MindIR"
            rows = [(done.framework, result) for result in done.reference]
            rows += [(f"{program} {one.variant}", result) for one in done.programs for result in one.results]
            print_results(console, sorted(rows, key=lambda row: row[1].protocol))
        return 0
