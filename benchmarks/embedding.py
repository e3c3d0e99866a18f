"""Measures embedding: pictures a second from prepared arrays, by `embed_pictures`, which evaluates and searches.

Usage: python benchmarks/embedding.py [--device cuda] [--arch resnet50] [--height 288 --width 144] [--count 4096]
                                      [--rows bf16-256 bf16-64 fp32-64]

A row is a precision and the pictures in a batch. The network is that of the recipe `mvd`, with the weights it starts
from; a descriptor is four observations. The figure is the median of three passes over all pictures.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
import torch

from mvd.config import DataConfig, RuntimeConfig
from mvd.config.recipes import RECIPES
from mvd.data.pictures import PictureArray
from mvd.inference.embed import embed_pictures
from mvd.models.state import initial_network
from mvd.runtime.device import device_module, resolve_device
from mvd.runtime.precision import numerics


def main() -> None:
    """Measure the rows that were asked for, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--arch", default="resnet50")
    parser.add_argument("--base-width", type=int, default=64)
    parser.add_argument("--height", type=int, default=288)
    parser.add_argument("--width", type=int, default=144)
    parser.add_argument("--count", type=int, default=4096)
    parser.add_argument("--rows", nargs="+", default=["bf16-256", "bf16-64", "fp32-64"])
    given = parser.parse_args()
    device = resolve_device(given.device)
    base = RECIPES["mvd"]
    config = replace(
        base,
        data=DataConfig(height=given.height, width=given.width),
        model=replace(base.model, arch=given.arch, base_width=given.base_width),
    )
    network = initial_network(config, 395, device)
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


if __name__ == "__main__":
    main()
