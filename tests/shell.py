"""The command line within a test: run it, or check that it refuses in one line; a very small run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fakes import write_tree

from mvd.cli import main

SIZE = ("--height", "32", "--width", "16")
TINY = (
    "--data.height=32",
    "--data.width=16",
    "--sampling.identities=2",
    "--sampling.pictures=2",
    "--sampling.steps-per-epoch=2",
    "--augment.pad=1",
    "--model.arch=resnet18",
    "--model.base-width=2",
    "--model.bottleneck-widths",
    "8",
    "8",
    "--model.z-dim=8",
    "--model.classifier-width=8",
    "--schedule.epochs=2",
    "--runtime.validate-every=1",
    "--runtime.log-every=1",
    "--runtime.device=cpu",
)


def mvd(*arguments: str | Path) -> int:
    return main([str(argument) for argument in arguments])


def prepared_tree(root: Path, **people: Any) -> Path:
    """Write a tiny tree in SYSU-MM01's layout (`fakes.write_tree`) and prepare it."""
    write_tree(root, **people)
    assert mvd("prepare", root, *SIZE) == 0
    return root


def training(data: Path, *arguments: str | Path) -> tuple[str | Path, ...]:
    """Write a tiny training on a data set; the run lies beside that."""
    return ("train", data, "--out", data.parent / "run", *TINY, *arguments)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Run a command that must fail, and give its one line."""
    capsys.readouterr()
    assert mvd(*arguments) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("mvd: ")
    assert errors.count("\n") == 1, errors
    return errors


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    """Give what was printed since the last look, with line breaks and indents as single spaces."""
    return " ".join(capsys.readouterr().out.split())
