"""A custom encoder instead of a ResNet: any module from pictures (B, 3, H, W) to feature maps (B, C, h, w).

    python examples/own_encoder.py [folder]

The command line takes a function that makes it by its place:

    mvd train data/SYSU-MM01 --model.encoder examples/own_encoder.py:make_encoder
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

import mvd


class PatchMixer(nn.Module):
    """Patches of 8 × 8 pixels, and three blocks that mix neighbours (depthwise) and channels (pointwise)."""

    def __init__(self, channels: int = 48) -> None:
        super().__init__()
        self.patches = nn.Sequential(nn.Conv2d(3, channels, 8, 8), nn.GELU(), nn.BatchNorm2d(channels))
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
                nn.BatchNorm2d(channels),
                nn.Conv2d(channels, channels, 1),
                nn.GELU(),
                nn.BatchNorm2d(channels),
            )
            for _ in range(3)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Turn pictures (B, 3, H, W) into maps (B, channels, H / 8, W / 8)."""
        maps: Tensor = self.patches(images)
        for block in self.blocks:
            maps = maps + block(maps)
        return maps


def make_encoder() -> nn.Module:
    """Make the encoder of one branch; `mvd train` calls this for each."""
    return PatchMixer()


def in_python() -> None:
    """Create networks around it, and around one of timm's if timm is installed."""
    images = torch.randn(2, 3, 64, 32)
    network = mvd.create_model("mvd", classes=4, encoder=PatchMixer())  # each branch has its own copy
    print("training:", network.train()(images).shared_visible.observation.features.shape)
    print("embeddings:", network.eval()(images).shape)
    if importlib.util.find_spec("timm"):
        import timm

        encoder = timm.create_model("convnext_atto", pretrained=False, num_classes=0, global_pool="")
        print("timm:", mvd.create_model("baseline", classes=4, encoder=encoder).eval()(images).shape)


def in_a_run(folder: Path) -> None:
    """Train on a few rendered people, and evaluate on others."""
    data = folder / "people"
    if not data.exists():
        mvd.synth(data, train=4, validation=2, test=3, pictures=1, height=64)
    mvd.prepare(data, height=48, width=24)
    recipe = mvd.recipes["demo"]
    config = replace(
        recipe,
        data=replace(recipe.data, height=48, width=24),
        model=replace(recipe.model, encoder=f"{__file__}:make_encoder"),
        sampling=replace(recipe.sampling, identities=4, steps_per_epoch=5),
        schedule=replace(recipe.schedule, epochs=1),
    )
    run, _ = mvd.train(data, folder / "own_encoder", config)
    for result in mvd.evaluate(run.path):
        print(f"{result.protocol}: mAP {result.mAP.mean():.1%}")


if __name__ == "__main__":
    in_python()
    in_a_run(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
