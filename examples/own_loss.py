"""A custom loss: a function of the network's outputs, in a training loop and in a run.

    python examples/own_loss.py [folder]

The command line takes it by its place:

    mvd train data/SYSU-MM01 --losses.extra "alignment=examples/own_loss.py:alignment*0.1"
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

import mvd
from mvd.models.outputs import MVDOutput


def alignment(outputs: MVDOutput, labels: Tensor, modalities: Tensor) -> Tensor:
    """Draw the two shared passes of each picture together: the mean squared distance of their observations."""
    visible, infrared = outputs.shared_visible.observation, outputs.shared_infrared.observation
    return (visible.features - infrared.features).square().mean()


def in_a_loop() -> None:
    """Add it to the losses of a recipe, and train for a few steps on noise; `own_loop.py` has a whole loop."""
    torch.manual_seed(0)
    network = mvd.create_model("mvd", classes=4, arch="resnet18", base_width=8).train()
    objective = mvd.losses.build_objective(mvd.recipes["mvd"])
    objective.add("alignment", alignment, weight=0.1)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    images = torch.randn(16, 3, 64, 32)
    labels = torch.arange(4).repeat_interleave(2).repeat(2)
    modalities = torch.arange(2).repeat_interleave(8)
    for step in range(5):
        losses = objective(network(images), labels, modalities)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        print(f"step {step}: total {losses.total.item():.3f}, alignment {losses.terms['alignment'].item():.3f}")


def in_a_run(folder: Path) -> None:
    """Train on a few rendered people; the run's metrics.jsonl has it beside our losses."""
    data = folder / "people"
    if not data.exists():
        mvd.synth(data, train=4, validation=2, test=3, pictures=1, height=64)
    mvd.prepare(data, height=48, width=24)
    recipe = mvd.recipes["demo"]
    config = replace(
        recipe,
        data=replace(recipe.data, height=48, width=24),
        model=replace(recipe.model, base_width=8),
        sampling=replace(recipe.sampling, identities=4, steps_per_epoch=5),
        schedule=replace(recipe.schedule, epochs=1),
        losses=replace(recipe.losses, extra=(f"alignment={__file__}:alignment*0.1",)),
    )
    run, _ = mvd.train(data, folder / "own_loss", config)
    print(run.metrics()[0]["losses"])


if __name__ == "__main__":
    in_a_loop()
    in_a_run(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
