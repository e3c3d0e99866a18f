"""Measures embedding: pictures per second from files, compared with the published code, or from prepared arrays.

Usage: python benchmarks/embed.py files [--arch resnet50] [--height 288 --width 144] [--count 64] [--rounds 3]
                                        [--rows plain fp32 bf16 onnx onnx-int8]
       python benchmarks/embed.py arrays [--device cuda] [--arch resnet50] [--height 288 --width 144] [--count 4096]
                                         [--rows bf16-256 bf16-64 fp32-64]
       python benchmarks/embed.py modality DATA

"files" renders people and embeds the files on the CPU with the network of the official PyTorch release (the recipe
`mvd-cvpr21`, four passes, 8192 components), with its initial weights. The row "plain" reproduces the release's code:
pictures are read, resized and normalised one by one in one thread, grey versions are computed on the host, all heads
are computed, in float32, with channels-first activations. The other rows are `mvd.embed`, with PyTorch or with a
program of `mvd export`. Rows alternate; a figure is the median of the rounds. CPU time, of all threads, depends less on
the load of the machine. "alone" is a single picture, in seconds of wall and of CPU time. "apart" is the smallest cosine
between a vector and that of the row "plain".

"arrays" measures `embed_pictures`, which evaluation and search use. A row is a precision and a batch size; the network
is that of the recipe `mvd`. The figure is the median of three passes over all pictures.

"modality" guesses the modality of every picture of a data set from its pixels, and counts the results.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from plain_step import PlainAttention
from torch import Tensor

import mvd
from mvd.config import DataConfig, RunConfig, RuntimeConfig
from mvd.config.recipes import RECIPES
from mvd.data.images import MEAN, STD
from mvd.data.layouts import scan
from mvd.data.own.reading import guess_modality, read_picture
from mvd.data.pictures import PictureArray
from mvd.data.samples import Modality, concatenate
from mvd.inference import open_model
from mvd.inference.embed import embed_pictures
from mvd.inference.export import export
from mvd.inference.onnx_models import annotate, describe_interface, to_int8
from mvd.models.attention import ChannelAttention
from mvd.models.mvd import MVD
from mvd.models.state import initial_network, network_tensors
from mvd.runs import Card
from mvd.runs.checkpoints import write_checkpoint
from mvd.runtime.device import device_module, resolve_device
from mvd.runtime.precision import numerics
from mvd.weights.load import UNTRAINED

Vectors = npt.NDArray[np.float32]

_PEOPLE = 395


class PlainEmbedder:
    """The published way: one picture after the other."""

    def __init__(self, network: MVD, config: RunConfig) -> None:
        self.network = network.eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        for module in network.modules():
            if isinstance(module, ChannelAttention):
                module.__class__ = PlainAttention
        self.config = config

    @torch.no_grad()
    def __call__(self, files: list[Path]) -> Vectors:
        """Embed files: (N, D) of length 1."""
        return np.stack([self.embed(self.read(file)).numpy() for file in files])

    def read(self, file: Path) -> Tensor:
        """Read a picture as a normalised tensor (3, H, W)."""
        size = self.config.data.width, self.config.data.height
        pixels = np.array(Image.open(file).convert("RGB").resize(size, Image.Resampling.LANCZOS))
        tensor = torch.from_numpy(pixels.transpose(2, 0, 1).copy()).float() / 255
        return (tensor - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]

    def embed(self, image: Tensor) -> Tensor:
        """Compute the four observations of a picture, side by side, (D,) of length 1."""
        red, green, blue = self.config.model.grey_weights
        luma = red * image[0] + green * image[1] + blue * image[2]
        colour, grey = image[None], torch.stack([luma, luma, luma])[None]
        network = self.network
        passes = network.visible(colour), network.infrared(grey), network.shared(colour), network.shared(grey)
        joined = torch.cat([one.observation.features for one in passes], dim=1)
        return torch.nn.functional.normalize(joined)[0]


def files(given: argparse.Namespace) -> None:
    """Measure embedding from files."""
    base = RECIPES["mvd-cvpr21"]
    config = replace(
        base,
        data=DataConfig(height=given.height, width=given.width),
        model=replace(base.model, arch=given.arch, base_width=given.base_width),
        runtime=replace(base.runtime, device="cpu"),
    )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        mvd.synth(folder / "people", train=2, validation=1, test=4, pictures=2, height=240)
        pictures = sorted((folder / "people").glob("cam*/*/*.jpg"))[: given.count]
        network = initial_network(config, _PEOPLE, torch.device("cpu"))
        checkpoint = folder / "net.safetensors"
        write_checkpoint(
            checkpoint, network_tensors(network), UNTRAINED, config=config, card=Card(), people="", remedy=""
        )
        ways: dict[str, Callable[[list[Path]], Vectors]] = {}
        for row in given.rows:
            ways[row] = _way(row, config, checkpoint, pictures)
        seconds: dict[str, list[tuple[float, float]]] = {row: [] for row in ways}
        found: dict[str, Vectors] = {}
        for row, way in ways.items():
            found[row] = way(pictures)  # and warm
        for _ in range(given.rounds):
            for row, way in ways.items():
                seconds[row].append(_timed(way, pictures))
        medians = {row: np.median(both, axis=0) / len(pictures) for row, both in seconds.items()}
        threads = torch.get_num_threads()
        print(f"{len(pictures)} pictures, load {os.getloadavg()[0]:.1f} in the last minute, {threads} threads")
        headings = "row", "pictures/s", "row / plain", "CPU s a picture", "plain / row", "alone, s", "CPU s", "apart"
        print(f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}")
        for row, (wall, computed) in medians.items():
            shares = medians["plain"] / (wall, computed) if "plain" in medians else (np.nan, np.nan)
            alone = np.median([_timed(ways[row], pictures[:1]) for _ in range(3)], axis=0)
            apart = float((found[row] * found["plain"]).sum(axis=1).min()) if "plain" in found else np.nan
            rate = f"{1 / wall:.2f} | {shares[0]:.2f} | {computed:.3f} | {shares[1]:.2f}"
            print(f"| {row} | {rate} | {alone[0]:.3f} | {alone[1]:.3f} | {apart:.5f} |", flush=True)


def _timed(way: Callable[[list[Path]], Vectors], pictures: list[Path]) -> tuple[float, float]:
    """Return the wall and the CPU time that a row takes, in seconds."""
    start = time.perf_counter(), time.process_time()
    way(pictures)
    return time.perf_counter() - start[0], time.process_time() - start[1]


def _way(row: str, config: RunConfig, checkpoint: Path, pictures: list[Path]) -> Callable[[list[Path]], Vectors]:
    """Make a row: a function that embeds files."""
    if row == "plain":
        network = initial_network(config, _PEOPLE, torch.device("cpu"))
        assert isinstance(network, MVD)
        plain = PlainEmbedder(network, config)
        return plain
    if row.startswith("onnx"):
        program = checkpoint.with_name("net.onnx")
        if not program.exists():
            export(config, _PEOPLE, checkpoint, program, preprocessing="inside")
            use = describe_interface(config.data.height, config.data.width, inside=True, modalities=False)
            annotate(program, {"use": use})
        if row == "onnx-int8":
            source, program = program, checkpoint.with_name("net-int8.onnx")
            some = PictureArray(np.stack([_pixels(file, config) for file in pictures[:16]]))
            to_int8(source, program, some.batches(16), np.zeros(16, np.int64))
        model = open_model(program, batch=16)
    else:
        model = open_model(checkpoint, device="cpu", precision=row, batch=16)
    return lambda some: mvd.embed(model, some).vectors


def _pixels(file: Path, config: RunConfig) -> npt.NDArray[np.uint8]:
    return mvd.data.load_image(file, config.data.height, config.data.width)


def arrays(given: argparse.Namespace) -> None:
    """Measure embedding from arrays."""
    device = resolve_device(given.device)
    base = RECIPES["mvd"]
    config = replace(
        base,
        data=DataConfig(height=given.height, width=given.width),
        model=replace(base.model, arch=given.arch, base_width=given.base_width),
    )
    network = initial_network(config, _PEOPLE, device)
    shape = (given.count, given.height, given.width, 3)
    pictures = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    print("| row | pictures/s | peak GB |\n|---|---|---|")
    for row in given.rows:
        precision, batch = row.split("-")
        runtime = RuntimeConfig(device=str(device), precision=precision, embed_batch=int(batch))
        if device.type == "cuda":
            device_module(device).reset_peak_memory_stats(device)
        with numerics(runtime, device):
            embed_pictures(network, runtime, PictureArray(pictures[: 2 * int(batch)]))
            rates = []
            for _ in range(3):
                start = time.perf_counter()
                embed_pictures(network, runtime, PictureArray(pictures))
                rates.append(given.count / (time.perf_counter() - start))
        peak = torch.cuda.max_memory_allocated() / 1e9 if device.type == "cuda" else 0.0
        print(f"| {row} | {sorted(rates)[1]:.0f} | {peak:.1f} |", flush=True)


def modality(given: argparse.Namespace) -> None:
    """Count how often the modality is guessed right, and show how sure the guesses were."""
    dataset = scan(given.data)
    samples = concatenate([dataset.train, dataset.validation, dataset.test])
    guesses = [guess_modality(read_picture(dataset.root / path, 96, 48).pixels) for path in samples.paths.tolist()]
    found = np.array([guess.modality for guess in guesses])
    confidences = np.array([guess.confidence for guess in guesses])
    for one in Modality:
        rows = samples.modalities == one
        right = (found[rows] == one).sum()
        print(
            f"{one.name.lower()}: {right} of {rows.sum()} right; confidence {confidences[rows].min():.3f} at least, "
            f"{np.median(confidences[rows]):.3f} in the middle"
        )


def main() -> None:
    """Measure the rows that were asked for, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True)
    for part, rows, count in (
        (files, ["plain", "fp32", "bf16", "onnx", "onnx-int8"], 64),
        (arrays, ["bf16-256", "bf16-64", "fp32-64"], 4096),
    ):
        one = parts.add_parser(part.__name__)
        one.set_defaults(run=part)
        one.add_argument("--arch", default="resnet50")
        one.add_argument("--base-width", type=int, default=64)
        one.add_argument("--height", type=int, default=288)
        one.add_argument("--width", type=int, default=144)
        one.add_argument("--count", type=int, default=count)
        one.add_argument("--rows", nargs="+", default=rows)
        if part is arrays:
            one.add_argument("--device", default="auto")
        else:
            one.add_argument("--rounds", type=int, default=3)
    one = parts.add_parser("modality")
    one.set_defaults(run=modality)
    one.add_argument("data", type=Path)
    given = parser.parse_args()
    given.run(given)


if __name__ == "__main__":
    main()
