"""Reads and writes weights with real MindSpore; run by the Python of an environment with it, without this package.

python mindspore_side.py read  FILE.ckpt OUT.npz             load_checkpoint, as arrays
python mindspore_side.py write IN.npz FILE.ckpt              save_checkpoint
python mindspore_side.py stem  FILE.ckpt PICTURES.npz OUT.npz    the shared encoder's stem, computed by MindSpore
"""

# mypy: ignore-errors
from __future__ import annotations

import os
import sys

# With AVX-512 its oneDNN falls back to a convolution that takes minutes. It has to be set before the import.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")

import mindspore
import numpy as np
from mindspore import nn


class Base(nn.Cell):
    """The stem of a ResNet with MindSpore's padding, under the release's names."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, pad_mode="same", has_bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, pad_mode="same")

    def construct(self, images):
        return self.maxpool(self.relu(self.bn1(self.conv1(images))))


class Network(nn.Cell):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.shared_backbone = nn.Cell()
        self.shared_backbone.base = Base(width)

    def construct(self, images):
        return self.shared_backbone.base(images)


def read(file: str, out: str) -> None:
    np.savez(out, **{name: one.asnumpy() for name, one in mindspore.load_checkpoint(file).items()})


def write(arrays: str, file: str) -> None:
    with np.load(arrays) as given:
        tensors = [{"name": name, "data": mindspore.Tensor(given[name])} for name in given.files]
    mindspore.save_checkpoint(tensors, file)


def stem(file: str, pictures: str, out: str) -> None:
    weights = mindspore.load_checkpoint(file)
    network = Network(weights["shared_backbone.base.conv1.weight"].shape[0])
    missing, _ = mindspore.load_param_into_net(network, weights)
    if missing:
        sys.exit(f"not loaded: {missing}")
    network.set_train(False)
    with np.load(pictures) as given:
        np.savez(out, maps=network(mindspore.Tensor(given["images"])).asnumpy())


if __name__ == "__main__":
    {"read": read, "write": write, "stem": stem}[sys.argv[1]](*sys.argv[2:])
