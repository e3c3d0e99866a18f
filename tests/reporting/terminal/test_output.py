"""Output that never ends what it reports, whatever the stream does; names that cannot control a terminal."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from fakes import write_own_folder, write_tree
from rich.table import Table
from shell import SIZE, TINY, mvd

from mvd.reporting.terminal.output import open_console, safe_output
from mvd.reporting.terminal.progress import TrainingBar


@pytest.mark.parametrize(
    ("encoding", "printed"),
    [
        ("ascii", "lambda 0.3 +/- 1 - 2 x \\u7167 \\xff"),
        ("cp1252", "lambda 0.3 ± 1 – 2 × \\u7167 \\xff"),
        ("utf-8", "λ 0.3 ± 1 – 2 × 照 \\xff"),
    ],
)
def test_any_encoding_takes_any_text(monkeypatch: pytest.MonkeyPatch, encoding: str, printed: str) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    table = Table("a")
    table.add_row("λ 0.3 ± 1 – 2 × 照 \udcff")
    with safe_output() as output:
        print("λ 0.3 ± 1 – 2 × 照 \udcff")
        open_console().print(table)
        assert output is not None
        output.flush()
        assert output.failure is None
    lines = raw.getvalue().decode(encoding).splitlines()
    assert lines[0] == printed
    assert any(printed in line for line in lines[1:])


class _Broken(io.TextIOWrapper):
    def write(self, text: str) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise BrokenPipeError


def test_a_closed_pipe_never_ends_what_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", _Broken(io.BytesIO()))
    with safe_output() as output, TrainingBar(open_console()) as bar:
        bar.started(0, 5)
        bar.validated(1, {"rank-1": 0.5}, best=True)
        assert bar.stepped(1)
        assert output is not None
        assert isinstance(output.failure, BrokenPipeError)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_run_trains_to_its_end_whatever_becomes_of_its_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run = write_tree(tmp_path / "data"), tmp_path / "run"
    assert mvd("prepare", data, *SIZE) == 0
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert mvd("train", data, "--out", run, *TINY) == 1
    assert "expected to print the results, could not (No space left on device)" in capsys.readouterr().err
    assert (run / "evaluation-best.json").is_file()
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert mvd("evaluate", run) == 1
    assert not capsys.readouterr().err


def test_names_do_not_control_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = tmp_path / "own\x1b[2J\x1b]0;title\x07\u202e"
    own = write_own_folder(evil, people=("anna\x1b[31m", "bo", "cy"))
    assert mvd("split", own, "--validation", "0") == 0
    assert mvd("check", own) == 0
    (own / "visible" / "bo" / "1.jpg").write_bytes(b"")
    assert mvd("check", own) == 1
    assert mvd("prepare", tmp_path / "none\x1b[2J") == 1
    assert mvd("runs", own) == 0
    printed = "".join(capsys.readouterr())
    assert "\\x1b[2J\\x1b]0;title" in printed
    assert not {character for character in printed if not character.isprintable()} - {"\n"}
