"""Shared by the tests of the original's programs: their types, and a command line for very short runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mvd.original import evaluation, settings
from mvd.runs import load_checkpoint

Program = Callable[..., str]

SMALL = ("--MSmode", "PYNATIVE_MODE", "--device_target", "CPU", "--batch_size", "3", "--num_pos", "4", "--epoch", "2")
"""Two epochs, of two steps on the SYSU-MM01 of these tests and of one on their RegDB."""


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def last_weights(run: Path) -> dict[str, bytes]:
    return {name: values.tobytes() for name, values in load_checkpoint(run / "checkpoints/last.safetensors")[0].items()}


def make_release_tiny(patch: pytest.MonkeyPatch, *, height: int, width: int) -> None:
    """Make the release's network and pictures tiny; all that is given on command lines still counts."""
    own = settings.RELEASE
    network = replace(own.model, arch="resnet18", base_width=2, bottleneck_widths=(8, 8), z_dim=8, classifier_width=4)
    release = replace(own, data=replace(own.data, height=height, width=width), model=network)
    patch.setattr(settings, "RELEASE", release)
    patch.setattr(evaluation, "RELEASE", release)
