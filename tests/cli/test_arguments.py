"""Arguments that cannot be parsed are one line: what was expected, what was found, and what lists them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from shell import mvd

CASES = {
    "benchmark --size huge": "benchmark: --size: expected small, medium or full, found 'huge'",
    "export r --numbers fp99": "export: --numbers: expected fp32, fp16 or int8, found 'fp99'",
    "gallery remove g --modality green": "gallery remove: --modality: expected infrared or visible, found 'green'",
    "synth x --layout zip": "synth: --layout: expected csv, folder, llcm, regdb or sysu, found 'zip'",
    "synth x --validation z": "synth: --validation: expected a whole number, found 'z'",
    "train x --schedule.epochs many": "train: --schedule.epochs: expected a whole number, found 'many'",
    "train x --optimizer.lr fast": "train: --optimizer.lr: expected a number, found 'fast'",
    "train x --model.bottleneck-widths 8": "train: --model.bottleneck-widths: expected 2 values, found fewer",
    "benchmark --seeds a": "benchmark: --seeds: expected a whole number, found 'a'",
    "prepare d --trial": "prepare: --trial: expected a value, found none",
    "benchmark --sise small": "benchmark: expected its arguments, found --sise small (did you mean --size?)",
    "check a b c": "check: expected its arguments, found b c",
    "convert a b": "convert: expected --to {mvd,mindspore,pytorch}, found none",
    "gallery search": (
        "gallery search: expected an argument (folder or URL of the gallery, or a folder of pictures), found none"
    ),
}


@pytest.mark.parametrize(("words", "told"), CASES.items())
def test_wrong_arguments_are_one_line(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        mvd(*words.split())
    assert ended.value.code == 2
    verb = told.partition(":")[0]
    assert capsys.readouterr().err == f"mvd: {told}; mvd {verb} --help lists them\n"


def test_flags_within_a_flag_are_those_of_another_verb(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("ablate", "data", "--vary"), ("benchmark", "--own")):
        with pytest.raises(SystemExit):
            mvd(*words, "fast=--optimizer.lr fast")
        told = capsys.readouterr().err
        assert told == (
            f"mvd: {words[0]} {words[-1]} 'fast': --optimizer.lr: expected a number, found 'fast'; mvd train --help "
            f"lists them\n"
        )


def test_long_values_are_not_broken_and_controls_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        mvd("prepare", "data", "--trial", "x" * 150 + "\x1b]0;title\x07")
    told = capsys.readouterr().err
    assert f"expected a whole number, found '{'x' * 150}" in told
    assert "\x1b" not in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_any_encoding_and_width_of_the_terminal(encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "20"}
    command = [sys.executable, "-m", "mvd", "benchmark", "--size", "huge"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"mvd: {CASES['benchmark --size huge']}; mvd benchmark --help lists them\n"
