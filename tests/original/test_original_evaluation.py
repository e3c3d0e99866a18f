"""eval.py on a run, on a file of its weights that was carried elsewhere, and on a file of the release's kind."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from fakes import write_tree
from original.programs import Program

from mvd.commands.results.evaluate import evaluate
from mvd.original.evaluation import main
from mvd.training import device_augment
from mvd.weights import convert


def best(folder: Path) -> Path:
    (file,) = folder.glob("best_*")
    return file


def printed(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[str]:
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_run_and_its_file_have_the_figures_that_mvd_finds(
    here: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained / "sysu" / "runs" / "sysu_all"
    (result,) = evaluate(run, protocols=["sysu/indoor-search/single-shot/seeded"])
    expected = [
        "For SYSU-MM01 indoor search, the testing result is:",
        f"Best: rank-1: {result.mean.rank_1:.2%}, mAP: {result.mean.mAP:.2%}",
    ]
    lines = printed(capsys, "--resume", run, "--sysu_mode", "indoor")
    assert lines[-2:] == expected
    assert (here / "SYSU_eval_performance.txt").read_text().splitlines() == lines
    shutil.copyfile(best(trained / "sysu"), here / "carried elsewhere")
    for file in (here / "carried elsewhere", run / "checkpoints" / "best.safetensors"):
        assert printed(capsys, "--resume", file, "--sysu_mode", "indoor")[-2:] == expected


def test_a_checkpoint_of_the_release_is_evaluated(
    here: Path, trained: Path, sysu: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = printed(capsys, "--resume", trained / "sysu" / "runs" / "sysu_all")[-1]
    convert(best(trained / "sysu"), here / "mvd.ckpt", to="mindspore")
    assert printed(capsys, "--resume", "mvd.ckpt", "--data_path", sysu)[-1] == expected


def test_the_encoder_and_width_of_a_checkpoint_of_the_release_have_to_be_told(
    here: Path, sysu: Path, train: Program, refused: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    shape = ("--arch", "resnet34", "--z_dim", "6")
    result = train(sysu, *shape, "--epoch", "1").splitlines()[-1]
    convert(best(here), here / "mvd.ckpt", to="mindspore")
    command = ("--resume", "mvd.ckpt", "--data_path", sysu)
    assert result.startswith(printed(capsys, *command, *shape)[-1])
    for half in (shape[:2], shape[2:]):
        assert "give the --arch and --z_dim that they were trained with" in refused(main, *command, *half)


def test_data_are_copied_first_where_the_target_is_the_cloud(
    here: Path, trained: Path, sysu: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    expected = printed(capsys, "--resume", best(trained / "sysu"))[-1]
    cloud = ("--device_target", "Cloud", "--data_url", f"file://{sysu}")
    assert printed(capsys, "--resume", best(trained / "sysu"), *cloud)[-1] == expected
    assert list((here / "cache" / "mvd").glob("*/exp/test_id.txt"))


def test_arguments_without_effect_are_explained(here: Path, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "--resume", best(trained / "sysu"), "--MSmode", "GRAPH_MODE", "--parameter_server")
    assert lines[0].startswith("Framework: PyTorch")
    assert lines[2].startswith("--MSmode GRAPH_MODE: ")
    assert lines[3].startswith("--parameter_server: ")


@pytest.mark.parametrize(
    ("mode", "protocol"), [("v2i", "visible-to-thermal/trial-3"), ("i2v", "thermal-to-visible/trial-3")]
)
def test_regdb_is_evaluated_on_its_own_trial(
    here: Path, trained: Path, capsys: pytest.CaptureFixture[str], mode: str, protocol: str
) -> None:
    lines = printed(capsys, "--dataset", "RegDB", "--regdb_mode", mode, "--resume", best(trained / "regdb"))
    assert any(line.startswith(f"Protocol: regdb/{protocol}, 6 queries") for line in lines)
    assert f"For RegDB {mode} search, the testing result is:" in lines


def test_pictures_are_tested_in_the_size_and_the_batches_that_are_asked_for(
    here: Path, trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[int, ...]] = []

    def normalise(pictures: torch.Tensor, *more: Any) -> torch.Tensor:
        shapes.append(tuple(pictures.shape))
        return real(pictures, *more)

    real = device_augment.normalise
    monkeypatch.setattr("mvd.inference.embed.normalise", normalise)
    weights = best(trained / "sysu")
    expected = printed(capsys, "--resume", weights)[-1]
    assert printed(capsys, "--resume", weights, "--test_batch", "5")[-1] == expected
    assert {shape[0] for shape in shapes[1:]} == {5, 1}
    assert {shape[1:] for shape in shapes} == {(32, 16, 3)}
    shapes.clear()
    lines = printed(capsys, "--resume", weights, "--img_h", "48", "--img_w", "24", "--test_batch", "7")
    assert {shape[1:] for shape in shapes} == {(48, 24, 3)}
    assert [shape[0] for shape in shapes] == [7, 7, 7, 7, 7, 1]
    assert re.fullmatch(r"Best: rank-1: [\d.]+%, mAP: [\d.]+%", lines[-1])


def test_what_is_wrong_is_one_line_before_anything_is_written(
    here: Path, tmp_path: Path, trained: Path, sysu: Path, regdb: Path, refused: Program
) -> None:
    weights, of_regdb = best(trained / "sysu"), best(trained / "regdb")
    assert "--resume: expected a run folder or a file of weights" in refused(main)
    assert "nowhere: expected weights of" in refused(main, "--resume", "nowhere")
    assert "expected a run folder with config.json" in refused(main, "--resume", tmp_path)
    assert "picture.jpg: expected weights of" in refused(main, "--resume", _picture(tmp_path))
    assert "--device_target CPU" in refused(main, "--resume", weights, "--device_target", "GPU", "--gpu", "99")
    assert "nowhere: expected a data set's folder" in refused(main, "--resume", weights, "--data_path", "nowhere")
    wrong = refused(main, "--resume", weights, "--data_path", regdb)
    assert "expected the layout of SYSU, found that of regdb" in wrong
    seen = refused(main, "--dataset", "RegDB", "--resume", of_regdb, "--trial", "1")
    assert "expected --trial 3, which these weights were trained on, found 1" in seen
    assert list(tmp_path.glob("here/*")) == []


def test_foreign_weights_that_do_not_fit_are_one_line(
    here: Path, tmp_path: Path, trained: Path, refused: Program
) -> None:
    file = tmp_path / "mvd.ckpt"
    convert(best(trained / "sysu"), file, to="mindspore")
    others = write_tree(tmp_path / "others", train=(1, 2, 3, 4), val=(5,))
    message = refused(main, "--resume", file, "--data_path", others)
    assert "expected weights for the 5 people of" in message
    assert "found weights for 3" in message
    message = refused(main, "--resume", file, "--data_path", others, "--z_dim", "6")
    assert f"{file}: expected the weights of this run's network, found" in message


def _picture(folder: Path) -> Path:
    file = folder / "picture.jpg"
    file.write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))
    return file
