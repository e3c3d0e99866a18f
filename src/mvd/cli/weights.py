"""`mvd convert`, `import`, `show`, `export`, `push`: files of weights in and out."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from rich.console import Console
from tyro.conf import AvoidSubcommands, Positional, arg

from mvd.cli.screen import open_console, print_results
from mvd.config import Machine, RunConfig
from mvd.config.recipes import RecipeName


@dataclass(frozen=True, kw_only=True)
class Convert:
    """Write weights in the format and names of another framework."""

    file: Positional[Path]
    """weights of MVD, ours or a released one's, or of a ResNet: .safetensors, .ckpt, .pth"""
    out: Positional[Path]
    """file to write"""
    to: Literal["mvd", "mindspore", "pytorch"]
    """mvd: safetensors; mindspore: a .ckpt; pytorch: a .pth; the last two with the names of that release"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.weights.load import convert

        report = convert(self.file, self.out, to=self.to)
        console.print(f"{self.out}: {len(report.matched)} arrays", soft_wrap=True)
        if report.left_over:
            console.print(
                f"not written, since {self.to} has no place for them: {', '.join(report.left_over)}", soft_wrap=True
            )
        return 0


@dataclass(frozen=True, kw_only=True)
class Show:
    """Show what a file of weights holds: card, format, network."""

    file: Positional[Path]
    """weights in any supported format, an exported .onnx, or a run folder, for its best checkpoint"""
    tensors: bool = False
    """list every tensor with its type and shape"""
    format: Literal["table", "json"] = "table"
    """output format"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.show import show
        from mvd.report.card import shown_json, shown_report

        shown = show(self.file)
        if self.format == "json":
            print(shown_json(shown))
        else:
            console.print(shown_report(shown, tensors=self.tensors))
        return 0


@dataclass(frozen=True, kw_only=True)
class Import:
    """Make a run folder of a network that was trained elsewhere.

    Every field of the configuration is a flag; the recipe gives the values that are not set.
    """

    file: Positional[Path]
    """weights of a whole network, ours or a released one's: .safetensors, .ckpt, .pth"""
    out: Positional[Path]
    """run folder to create"""
    data: Positional[Path]
    """folder of the data set to use it with, or the CSV table of one's own pictures"""
    recipe: RecipeName = "mvd"
    """what it was trained with: mvd-mindspore or mvd-cvpr21 for those two releases"""
    replace: bool = False
    """delete the run that is in the folder"""
    config: Annotated[RunConfig, arg(name=""), AvoidSubcommands] = field(default_factory=RunConfig)

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.import_weights import import_weights
        from mvd.report.weights import weights_lines

        run, report = import_weights(self.file, self.out, self.data, self.config, replace=self.replace)
        console.print(*weights_lines(self.file, report), sep="\n", soft_wrap=True, markup=False)
        console.print(f"next: mvd evaluate {shlex.quote(str(run.path))}", soft_wrap=True, markup=False)
        return 0


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write the network of a run as ONNX or MindIR, compared with the network itself.

    Its metadata describe inputs and outputs and hold the model card; `mvd show` prints those of ONNX, and those of
    MindIR lie beside it.
    """

    run: Positional[Path]
    """run folder"""
    out: Path | None = None
    """the file, mvd.onnx or mvd.mindir in the run folder by default; fp16 and int8 are added to its name"""
    format: Literal["auto", "onnx", "mindir"] = "auto"
    """onnx: written by PyTorch; mindir: written by MindSpore; auto: that of the framework"""
    framework: Literal["auto", "pytorch", "mindspore"] = "auto"
    """framework to export from; auto: the one that writes the format, or the run's"""
    numbers: tuple[Literal["fp32", "fp16", "int8"], ...] = ("fp32",)
    """number formats, a file each; int8 is calibrated on training pictures"""
    preprocessing: Literal["inside", "outside"] = "inside"
    """inside: the program takes RGB pictures, uint8; outside: normalised ones, float32"""
    weights: Literal["best", "last"] = "best"
    """best by validation (else the last), or last"""
    data: Path | None = None
    """data set to compare on, by default the one that the run was trained on"""
    protocols: tuple[str, ...] = ()
    """protocols to measure, by names or patterns; see `mvd protocols`"""
    workers: int = 0
    """threads that decode pictures; 0: as many as the run had"""
    batch: int = 0
    """pictures in a batch; 0: as many as the run had"""
    measure: Literal["all", "some"] = "all"
    """all: evaluate every program on all test pictures; some: only compare embeddings, on 32 of them"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.export import export
        from mvd.report.progress import counting_bar

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
            console.print(line, soft_wrap=True, markup=False)
        console.print(f"compared on {done.compared}", soft_wrap=True, markup=False)
        if done.reference:
            program = "ONNX" if done.format == "onnx" else "MindIR"
            rows = [(done.framework, result) for result in done.reference]
            rows += [(f"{program} {one.variant}", result) for one in done.programs for result in one.results]
            print_results(console, sorted(rows, key=lambda row: row[1].protocol))
        return 0


@dataclass(frozen=True, kw_only=True)
class Push:
    """Upload the best weights of a run to the Hugging Face hub.

    `mvd.Embedder.from_pretrained` loads them from there. Log in first: hf auth login.
    """

    run: Positional[Path]
    """run folder"""
    name: Positional[str]
    """OWNER/NAME on the hub; or a folder to write the model to instead, with --local"""
    private: bool = False
    """create the repository as a private one"""
    local: bool = False
    """upload nothing: write the files to the folder of that name"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.push import push, save_model

        if self.local:
            save_model(self.run, Path(self.name), Path(self.name).name)
            console.print(f"{self.name}: the model and its page", soft_wrap=True, markup=False)
        else:
            console.print(push(self.run, self.name, private=self.private), soft_wrap=True, markup=False)
        return 0
