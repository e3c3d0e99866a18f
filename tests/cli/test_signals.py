"""Signals: whatever ends a command, its temporary files are gone; Ctrl-C while it starts is one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mvd import cli
from mvd.cli import main, screen

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")

SYNTH = ("synth", "--train", "500", "--validation", "1", "--test", "1", "--height", "64", "--workers", "2")


@pytest.fixture
def _none_is_ignored() -> Iterator[None]:
    """Let processes that are started from here take signals that nohup or a shell's background ignores."""
    ignored = [number for number in (signal.SIGHUP, signal.SIGINT) if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.mark.usefixtures("_none_is_ignored")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_command_that_is_ended_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "mvd", *SYNTH, str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not any(tmp_path.rglob("*.jpg")):
            time.sleep(0.05)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)  # ends when every process that holds the pipes has ended
    assert process.returncode == (130 if number == signal.SIGINT else 128 + number)
    assert "Traceback" not in errors
    assert not list(tmp_path.iterdir())


def test_an_interrupt_while_the_program_is_imported_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich" / "__init__.py").write_text("raise KeyboardInterrupt\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    done = subprocess.run(
        [sys.executable, "-m", "mvd", "runs"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "mvd: stopped\n")


def test_an_interrupt_that_a_library_made_an_error_of_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def convert(*_: object, **__: object) -> None:
        try:
            raise KeyboardInterrupt
        except BaseException as interrupt:
            raise RuntimeError("expected to export, could not") from interrupt

    monkeypatch.setattr("mvd.weights.load.convert", convert)
    assert main(["convert", "a.pth", "b.ckpt", "--to", "mindspore"]) == 130
    assert capsys.readouterr().err == "mvd: stopped\n"


@pytest.mark.usefixtures("_none_is_ignored")
def test_a_second_interrupt_while_the_first_is_reported_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    def say_slowly(*words: object) -> None:
        signal.raise_signal(signal.SIGINT)
        say(*words)  # type: ignore[arg-type]

    say, before = screen.say, signal.getsignal(signal.SIGINT)
    monkeypatch.setattr("mvd.weights.load.convert", interrupted)
    monkeypatch.setattr(cli, "say", say_slowly)
    assert main(["convert", "a.pth", "b.ckpt", "--to", "mindspore"]) == 130
    assert capsys.readouterr().err == "mvd: stopped\n"
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.usefixtures("_none_is_ignored")
def test_an_interrupt_as_python_ends_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, os, signal\natexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    done = subprocess.run(
        [sys.executable, "-m", "mvd", "protocols"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
