"""Weights to load: a network of mvd, and a ResNet in the file formats of each framework."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from weights.helpers import Arrays

from mvd.config import ModelConfig
from mvd.models.factory import build_network
from mvd.models.state import network_tensors
from mvd.weights import write_weights
from mvd.weights.names import to_their_names
from mvd.weights.namings import MINDSPORE_RESNET

Write = Callable[[Arrays, Path], Path]

TINY = ModelConfig(arch="resnet18", base_width=4, bottleneck_widths=(8, 8), z_dim=8, classifier_width=8)


def network(config: ModelConfig, seed: int = 0) -> Arrays:
    torch.manual_seed(seed)
    return network_tensors(build_network(config, 5))


def as_torch(arrays: Arrays, folder: Path) -> Path:
    torch.save({f"module.{name}": torch.from_numpy(array) for name, array in arrays.items()}, folder / "r.pth")
    return folder / "r.pth"


def as_mindspore(arrays: Arrays, folder: Path) -> Path:
    beside = {"moments.conv1.weight": np.zeros(3, np.float32), "epoch": np.array(3)}
    write_weights(folder / "r.ckpt", to_their_names(arrays, MINDSPORE_RESNET).tensors | beside, "mindspore")
    return folder / "r.ckpt"


def as_safetensors(arrays: Arrays, folder: Path) -> Path:
    write_weights(folder / "r.safetensors", arrays, "safetensors")
    return folder / "r.safetensors"
