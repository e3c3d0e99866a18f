"""Paths that look like rich markup are printed as they are, and shown commands can be pasted into a shell."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from fakes import write_own_folder
from shell import TINY, mvd, prepared_tree


def test_brackets_in_paths_are_printed_and_quoted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = prepared_tree(tmp_path / "data [raw] :smile:")
    following = capsys.readouterr().out.splitlines()[-1]
    assert following.startswith("next: mvd train ")
    assert shlex.split(following)[3] == str(data)
    out = tmp_path / "runs[/x]" / "[bold]a"
    assert mvd("train", data, "--out", out, *TINY) == 0
    output = capsys.readouterr().out
    assert f"{out}: trained, weights in {out}/checkpoints/best.safetensors" in output
    assert "sysu/all-search/single-shot/seeded" in output


def test_brackets_in_the_names_of_results_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = write_own_folder(tmp_path / "own [b]")
    assert mvd("split", own, "--train", "0.5", "--validation", "0") == 0
    assert f"{own}: 2 people to train on" in capsys.readouterr().out
    assert mvd("check", own) == 0
    assert str(own) in capsys.readouterr().out
    assert mvd("runs", tmp_path) == 0
    assert f"no runs in {tmp_path}" in capsys.readouterr().out
