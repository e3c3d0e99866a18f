"""The commands in the text of "Is this figure right?": each is run, on a small data set of the kind that it is for."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from shell import SIZE, TINY, mvd

PAGE = Path(__file__).parents[2] / "docs" / "right-figure.md"
COMMANDS = sorted(set(re.findall(r"`mvd ([^`]+)`", re.sub(r"^```.*?^```", "", PAGE.read_text(), flags=re.M | re.S))))


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered data sets of three layouts, a run on each, and one for each of two splits of RegDB."""
    folder = tmp_path_factory.mktemp("figures")
    people = ("--train", "4", "--test", "6", "--pictures", "2", "--height", "64", "--workers", "1")
    for layout in ("sysu", "regdb", "llcm"):
        validation = ("--validation", "2") if layout == "sysu" else ()
        assert mvd("synth", folder / layout, "--layout", layout, *people, *validation) == 0
    trials = {"sysu": ("sysu", "1"), "llcm": ("llcm", "1"), "regdb-1": ("regdb", "1"), "regdb-2": ("regdb", "2")}
    for name, (layout, trial) in trials.items():
        data = ("--data.trial", trial) if layout == "regdb" else ()
        arrays = folder / f"{name}-arrays"
        prepare = ("--trial", trial) if layout == "regdb" else ()
        assert mvd("prepare", folder / layout, *SIZE, "--workers", "1", "--out", arrays, *prepare) == 0
        run = ("--prepared", arrays, "--evaluate", "none", "--out", folder / "runs" / name)
        assert mvd("train", folder / layout, "--recipe", "demo", *TINY, *data, *run) == 0
    return folder


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 10


@pytest.mark.parametrize("command", COMMANDS)
def test_it_runs(command: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here)
    kind = "llcm" if "llcm" in command else "sysu"
    words = {
        "RUN": [f"runs/{kind}"],
        "DATA": [kind],
        "NAME": ["demo"],
        "…": [],
        "runs/regdb-*": ["runs/regdb-1", "runs/regdb-2"],  # as the shell does
        "runs/regdb-10": ["runs/regdb-2"],
    }
    assert mvd(*(part for word in shlex.split(command) for part in words.get(word, [word]))) == 0
