"""A link that leads to itself is one line, in every place that takes a path, and nothing is written there."""

from __future__ import annotations

from pathlib import Path

import pytest
from shell import TINY, mvd, prepared_tree, refused


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = prepared_tree(tmp_path_factory.mktemp("data"))
    assert mvd("train", data, "--out", data / "run", "--evaluate=none", *TINY) == 0
    (data / "circle").symlink_to("circle")
    return data / "run"


@pytest.mark.parametrize(
    "words",
    [
        "synth CIRCLE",
        "synth CIRCLE/x",
        "split CIRCLE",
        "prepare CIRCLE",
        "prepare DATA --out CIRCLE",
        "train CIRCLE",
        "train DATA --out CIRCLE TINY",
        "train DATA --out CIRCLE/x TINY",
        "train DATA --pretrained CIRCLE --out new TINY",
        "train DATA --prepared CIRCLE --out new TINY",
        "train --resume CIRCLE",
        "train CIRCLE --resume RUN",
        "ablate CIRCLE TINY",
        "ablate DATA --out CIRCLE TINY",
        "ablate DATA --out new --pretrained CIRCLE TINY",
        "ablate DATA --out new --prepared CIRCLE TINY",
        "demo CIRCLE",
        "benchmark CIRCLE",
        "evaluate CIRCLE",
        "evaluate RUN --data CIRCLE",
        "evaluate RUN --save CIRCLE/x.npz",
        "report CIRCLE",
        "report RUN --out CIRCLE/x.html --map none",
        "report RUN --figures CIRCLE --map none",
        "embed CIRCLE DATA --out new.npz",
        "embed RUN CIRCLE --out new.npz",
        "embed RUN DATA --out CIRCLE/new.npz",
        "calibrate CIRCLE DATA",
        "calibrate RUN CIRCLE",
        "gallery add CIRCLE DATA/cam1",
        "gallery add new CIRCLE",
        "gallery add new DATA/cam1 --model CIRCLE",
        "gallery search CIRCLE DATA/cam1",
        "gallery show CIRCLE",
        "gallery remove CIRCLE --expired",
        "serve CIRCLE",
        "import CIRCLE new DATA TINY",
        "import WEIGHTS CIRCLE DATA TINY",
        "import WEIGHTS new CIRCLE TINY",
        "convert CIRCLE new.safetensors --to mvd",
        "convert WEIGHTS CIRCLE/new.safetensors --to mvd",
        "show CIRCLE",
        "export CIRCLE",
        "export RUN --out CIRCLE/new.onnx",
        "export RUN --data CIRCLE",
        "push CIRCLE a/b",
        "push RUN CIRCLE --local",
    ],
)
def test_a_circle_of_links_is_one_line(
    run: Path, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {"WEIGHTS": run / "checkpoints" / "last.safetensors", "RUN": run, "CIRCLE": run.parent / "circle"}
    given: list[str] = []
    for word in words.split():
        name, slash, rest = word.partition("/")
        place = {**places, "DATA": run.parent}.get(name)
        given += TINY if word == "TINY" else [word if place is None else f"{place}{slash}{rest}"]
    assert "expected" in refused(capsys, *given)
    assert not list(tmp_path.rglob("*.npz")) + list(tmp_path.rglob("config.json"))


def test_check_and_runs_name_it_too(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    circle = run.parent / "circle"
    assert mvd("check", circle) == 1
    assert "expected" in capsys.readouterr().out
    assert mvd("runs", circle) == 1
    assert "expected" in capsys.readouterr().err
