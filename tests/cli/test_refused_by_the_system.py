"""What the system refuses is one line, whatever the command; what a message advises can be pasted."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import write_own_table
from shell import TINY, mvd, prepared_tree, refused

LONG = Path("/") / ("x" * 300)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = prepared_tree(tmp_path_factory.mktemp("data"))
    assert mvd("train", data, "--out", data / "run", "--evaluate=none", *TINY) == 0
    return data / "run"


@pytest.mark.parametrize(
    "words",
    [
        ("synth", LONG),
        ("split", LONG),
        ("prepare", LONG),
        ("prepare", "DATA", "--out", LONG),
        ("train", LONG),
        ("train", "DATA", "--out", LONG, *TINY),
        ("train", "--resume", LONG),
        ("train", "DATA", "--pretrained", LONG, *TINY),
        ("evaluate", LONG),
        ("demo", LONG),
        ("runs", LONG),
        ("runs", LONG, LONG),
        ("show", LONG),
        ("convert", LONG, "out.safetensors", "--to", "mvd"),
        ("convert", "WEIGHTS", LONG / "out.safetensors", "--to", "mvd"),
        ("convert", "WEIGHTS", "WEIGHTS/out.safetensors", "--to", "mvd"),
        ("convert", "WEIGHTS", LONG.with_suffix(".safetensors"), "--to", "mvd"),
        ("import", LONG, "out", "DATA"),
        ("import", "WEIGHTS", LONG, "DATA", *TINY),
        ("export", LONG),
        ("push", LONG, "a/b"),
        ("push", "RUN", LONG, "--local"),
        ("ablate", LONG),
        ("ablate", "DATA", "--out", LONG, *TINY),
        ("ablate", "DATA", "--out", "WEIGHTS/x", *TINY),
    ],
    ids=str,
)
def test_a_place_that_the_system_refuses_is_one_line(
    run: Path, words: tuple[str | Path, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    weights = run / "checkpoints" / "last.safetensors"
    places = {"DATA": run.parent, "RUN": run, "WEIGHTS": weights, "WEIGHTS/x": weights / "x"}
    places["WEIGHTS/out.safetensors"] = weights / "out.safetensors"
    assert "expected" in refused(capsys, *(places.get(str(word), word) for word in words))


def test_check_names_such_a_place_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert mvd("check", LONG) == 1
    assert "expected" in capsys.readouterr().out


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", refuse)
        yield


@pytest.mark.usefixtures("full")
def test_a_full_disk_is_one_line_and_leaves_nothing(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, table = run / "checkpoints" / "last.safetensors", write_own_table(tmp_path / "people.csv")
    before = set(tmp_path.rglob("*"))
    for words in (
        ("convert", weights, tmp_path / "a.safetensors", "--to", "mvd"),
        ("convert", weights, tmp_path / "a.ckpt", "--to", "mindspore"),
        ("split", table),
        ("import", weights, tmp_path / "imported", run.parent, *TINY),
        ("push", run, tmp_path / "model", "--local"),
    ):
        assert "No space left on device" in refused(capsys, *words)
        assert not (tmp_path / "imported" / "config.json").exists()
        assert not {file for file in tmp_path.rglob("*") if file.is_file()} - before
        for folder in ("imported", "model"):
            shutil.rmtree(tmp_path / folder, ignore_errors=True)


def test_a_table_that_is_not_prepared_is_told_how_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    splits = {"anna": "train", "bo": "train", "cy": "test", "dee": "test"}
    table = write_own_table(tmp_path / "my people.csv", splits=splits)
    told = refused(capsys, "train", table, "--out", tmp_path / "run", *TINY)
    size = ["--height", "32", "--width", "16"]
    assert shlex.split(told.strip().partition("run: ")[2]) == ["mvd", "prepare", str(table), *size]


@pytest.mark.parametrize("words", [("synth", "out"), ("check", "."), ("prepare", "."), ("ablate", ".")], ids=str)
def test_numbers_of_workers_out_of_range_are_one_line(
    words: tuple[str, ...], run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(run.parent)
    for workers in ("-1", "1000000"):
        assert f"found {workers}" in refused(capsys, *words, "--workers", workers)


def test_an_environment_that_no_launch_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "abc")
    assert "WORLD_SIZE: expected a number, as torchrun sets it, found 'abc'" in refused(capsys, "evaluate", tmp_path)
    assert mvd("runs", tmp_path) == 0
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    capsys.readouterr()
    assert mvd("runs", tmp_path) == 0
    assert "no runs in" in capsys.readouterr().out
