"""Names with a newline or other control characters: every message stays one line, and what it advises can be pasted."""

from __future__ import annotations

import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest
from fakes import write_own_folder, write_own_table, write_picture
from rich.console import Console
from shell import SIZE, TINY, mvd, prepared_tree, refused

from mvd.files.names import one_line, shell_words
from mvd.reporting.gallery import entries_report
from mvd.results.gallery import Entry

NAME = "two\nlines\x1b]0;title\x07"
SHOWN = r"two\nlines\x1b]0;title\x07"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place") / NAME
    data = prepared_tree(folder / "data")
    assert mvd("train", data, "--out", folder / "run", "--evaluate=none", *TINY) == 0
    return folder


@pytest.mark.parametrize(
    "words",
    [
        "prepare {0}/none",
        "split {0}/data",
        "train {0}/none",
        "train {0}/data --out {0}/run TINY",
        "train {0}/data --pretrained {0}/none --out {0}/new TINY",
        "train --resume {0}/none",
        "ablate {0}/none",
        "evaluate {0}/none",
        "evaluate {0}/run --data {0}/none",
        "report {0}/none",
        "embed {0}/none {0}/data --out a.npz",
        "embed {0}/run {0}/none --out a.npz",
        "calibrate {0}/none {0}/data",
        "gallery search {0}/none {0}/none",
        "import {0}/none {0}/new {0}/data TINY",
        "convert {0}/none a.pth --to pytorch",
        "show {0}/none",
        "export {0}/none",
        "push {0}/none a/b",
        "synth {0}/data",
        "runs {0}/none {0}/none",
    ],
)
def test_errors_are_one_line(place: Path, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = [one for word in words.split() for one in (TINY if word == "TINY" else [word.format(place)])]
    told = refused(capsys, *given)
    assert SHOWN in told
    assert "\x1b" not in told


def test_results_are_a_line_each(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, weights = write_own_folder(tmp_path / NAME / "own"), tmp_path / NAME / "a.safetensors"
    best = place / "run" / "checkpoints" / "best.safetensors"
    for words, lines in (
        (("split", data), 2),
        (("prepare", place / "data", *SIZE), 3),
        (("convert", best, weights, "--to", "mvd"), 1),
        (("push", place / "run", tmp_path / NAME / "model", "--local"), 1),
        (("runs", data), 1),
    ):
        capsys.readouterr()
        assert mvd(*words) == 0, words
        output = capsys.readouterr().out
        assert output.count("\n") == lines, output
        assert SHOWN in output


def test_tables_and_lists_keep_a_line_for_each_name(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_own_table(tmp_path / NAME / "people.csv")
    write_picture(tmp_path / NAME / "data" / "cam1" / "0001" / f"{NAME}.jpg", 1)
    for words in (("check", table), ("runs", place), ("show", place / "run"), ("check", tmp_path / NAME / "data")):
        capsys.readouterr()
        assert mvd(*words) in (0, 1)
        output = capsys.readouterr().out
        assert "\x1b" not in output
        assert r"two\nlines" in "".join(line.strip() for line in output.splitlines()), output


def test_rows_of_a_gallery_have_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    entry = Entry(
        row="0" * 16, path=f"/x/{NAME}", hash="", modality=0, modality_source="flag", camera=NAME, time=None,
        identity=NAME, tags=(NAME,), added=datetime.now(timezone.utc),
    )  # fmt: skip
    console = Console(width=200)
    console.print(entries_report([entry]))
    rows = capsys.readouterr().out.rstrip().splitlines()[3:]
    assert [row.count(r"two\nlines") for row in rows] == [1, 3]


@pytest.mark.parametrize(
    "name", ["plain", "a b", "it's", NAME, "a\tb", "back\\slash\n", "\udcd5\udcd5a.jpg", "\u2028é"]
)
def test_a_shown_command_can_be_pasted(name: str) -> None:
    shown = shell_words("printf", "%s", name)
    assert one_line(shown) == shown
    done = subprocess.run(["bash", "-c", shown], capture_output=True, check=True)
    assert done.stdout == name.encode("utf-8", "surrogateescape")
