"""What a run writes is rehearsed before anything expensive: its folder, and the space on the disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from shell import TINY, mvd, refused

from mvd.commands.training.rehearsal import checkpoint_space, rehearse_folder
from mvd.config import RunConfig
from mvd.config.recipes import RECIPES
from mvd.errors import RunError
from mvd.runs import open_run


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**7, 0, 10**7))


def test_the_estimate_is_what_checkpoints_take(people: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert mvd("train", people, "--out", run, *TINY, "--evaluate=none") == 0
    files = {file.stem: file.stat().st_size for file in (run / "checkpoints").iterdir()}
    assert files.keys() == {"last", "previous", "best"}
    estimate = checkpoint_space([(open_run(run).config, 3)]) - 16_000_000
    at_most = 2 * files["last"] + files["previous"] + files["best"]  # while one more is written
    assert 0.7 * at_most < estimate <= at_most  # headers are large beside so small a network


def test_the_default_recipes_checkpoints_are_those_that_were_measured() -> None:
    # BENCHMARKS.md, Survival: 986 MB, of which 329 MB are weights.
    space = checkpoint_space([(RECIPES["mvd"], 395)])
    assert space == pytest.approx(3 * 986e6 + 329e6 + 16e6, rel=0.01)


def test_too_small_a_disk_is_told_before_anything_is_made(
    people: Path, tmp_path: Path, small_disk: None, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(tmp_path.rglob("*"))
    for arguments in (
        ("train", people, "--out", tmp_path / "new" / "run", *TINY),
        ("ablate", people, "--out", tmp_path / "ablation", *TINY),
        ("demo", tmp_path / "demo"),
    ):
        message = refused(capsys, *arguments)
        assert "on that disk, for three checkpoints of a run, its best weights and logs, found 10 MB free" in message
    assert set(tmp_path.rglob("*")) == before


def test_a_run_that_goes_on_needs_no_room_for_what_it_has(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    assert mvd("train", people, "--out", run, *TINY, "--evaluate=none") == 0
    config = open_run(run).config
    there = sum(file.stat().st_size for file in (run / "checkpoints").iterdir())
    needed = checkpoint_space([(config, 3)]) - there
    for free, enough in ((needed, True), (needed - 1, False)):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free: Usage(free, 0, free))
        assert mvd("train", "--resume", run, "--evaluate=none") == (0 if enough else 1)


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    for out, found in (
        (tmp_path / "file" / "run", "it is no folder"),
        (tmp_path / ("x" * 300) / "run", "File name too long"),
    ):
        with pytest.raises(RunError, match=rf"could not write there \({found}\); choose another --out"):
            rehearse_folder(out, [(RunConfig(), 3)])
    if os.name != "nt" and Path("/proc/self").is_dir():
        with pytest.raises(RunError, match="could not write there"):
            rehearse_folder(Path("/proc/self/run"), [(RunConfig(), 3)])
