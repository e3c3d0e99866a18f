"""Evaluates finished runs without the parts of a recipe that need no other training: average and flip.

Usage: python benchmarks/tested_parts.py RUN … [--weights best|last]

Each RUN is a run folder of PyTorch, such as runs/benchmark/small/near-infrared/mvd-strong/seed-0. Printed as Markdown:
rank-1 and mAP of the run as it is and of each part left out, and the differences run by run with the 95 % interval of
their mean, over the runs that have the part:

- no average: the weights of the last step in place of their moving average; only with `--weights last`, since the best
  checkpoint contains the average alone.
- no flip: the picture without its mirror image.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy.typing as npt
import torch

from mvd.commands.results.evaluate import pictures_of, prepare_test
from mvd.config import RunConfig
from mvd.data.layouts import scan
from mvd.inference.embed import embed_pictures
from mvd.metrics import Features, evaluate
from mvd.models.state import initial_network, restore_network
from mvd.reporting.terminal.style import change, markdown_table
from mvd.runs import RunFolder, load_checkpoint, open_run
from mvd.training.average import WEIGHTS_PREFIX

Figures = dict[str, dict[str, float]]


def main() -> None:
    """Evaluate the runs and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--weights", choices=("best", "last"), default="best")
    arguments = parser.parse_args()
    # Each part with the same run as it is, since not every run has every part.
    figures: dict[str, list[tuple[Figures, Figures]]] = defaultdict(list)
    for folder in arguments.runs:
        parts = evaluate_parts(open_run(folder), arguments.weights)
        for name, found in parts.items():
            figures[name].append((found, parts["as it is"]))
    for protocol in figures["as it is"][0][0]:
        print(f"{protocol}, {len(arguments.runs)} runs\n")
        pairs = {name: [(one[protocol], whole[protocol]) for one, whole in both] for name, both in figures.items()}
        print(_table(pairs) + "\n")


def evaluate_parts(run: RunFolder, weights: str) -> dict[str, Figures]:
    """Evaluate a run as it is, and without each part that it has: part → protocol → figure."""
    config, dataset = run.config, scan(Path(run.data.root))
    protocols, galleries = prepare_test(dataset)
    tensors = load_checkpoint(run.best_checkpoint if weights == "best" else run.checkpoint("last"))[0]
    pictures = pictures_of(dataset, dataset.test, config)
    figures = {}
    for name, (changed, loaded) in _parts(config, tensors).items():
        network = initial_network(changed, len(run.data.identities), torch.device("cpu"))
        restore_network(network, loaded, run.path)
        descriptors = embed_pictures(network, changed.runtime, pictures, dataset.test.modalities)
        features = Features(descriptors=descriptors, samples=dataset.test)
        figures[name] = {one.name: evaluate(features, one, galleries).mean._asdict() for one in protocols}
    return figures


def _parts(
    config: RunConfig, tensors: dict[str, npt.NDArray[Any]]
) -> dict[str, tuple[RunConfig, dict[str, npt.NDArray[Any]]]]:
    """Name configurations and tensors of a run as it is and without each part."""
    found = {"as it is": (config, tensors)}
    kept = {name.removeprefix(WEIGHTS_PREFIX): value for name, value in tensors.items()
            if name.startswith(WEIGHTS_PREFIX)}  # fmt: skip
    if kept:
        found["no average"] = config, tensors | kept
    if config.model.descriptor_flip:
        found["no flip"] = replace(config, model=replace(config.model, descriptor_flip=False)), tensors
    return found


def _table(figures: dict[str, list[tuple[dict[str, float], dict[str, float]]]]) -> str:
    rows = []
    for name, runs in figures.items():
        values = {figure: [run[figure] for run, _ in runs] for figure in ("rank_1", "mAP")}
        whole = {figure: [run[figure] for _, run in runs] for figure in values}
        levels = [f"{100 * mean(one):.1f}" for one in values.values()]
        changes = ["" if name == "as it is" else change(values[one], whole[one]) for one in values]
        rows.append([name, *levels, *changes])
    return markdown_table(["", "rank-1", "mAP", "Δ rank-1", "Δ mAP"], rows)


if __name__ == "__main__":
    main()
