"""The command line on damaged data, wrong settings and other mistakes: one line, before anything is written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from fakes import write_ids
from shell import SIZE, TINY, mvd, refused, training


def test_training_on_an_existing_run_is_refused_with_both_ways_out(
    people: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (trained / "metrics.jsonl").read_bytes()
    message = refused(capsys, "train", people, "--out", trained, *TINY)
    assert f"mvd train --resume {trained}" in message
    assert "--replace" in message
    assert (trained / "metrics.jsonl").read_bytes() == before


def damage_missing_camera(data: Path) -> None:
    shutil.rmtree(data / "cam4")


def damage_empty_camera(data: Path) -> None:
    shutil.rmtree(data / "cam4")
    (data / "cam4").mkdir()


def damage_missing_ids(data: Path) -> None:
    (data / "exp" / "test_id.txt").unlink()


def damage_junk_ids(data: Path) -> None:
    (data / "exp" / "val_id.txt").write_text("4,five")


def damage_labels(data: Path) -> None:
    file = data / "train_ir_resized_label.npy"
    np.save(file, np.load(file)[1:])


def damage_one_modality(data: Path) -> None:
    for camera in (3, 6):
        shutil.rmtree(data / f"cam{camera}" / "0002")


def damage_no_arrays(data: Path) -> None:
    for file in data.glob("*.npy"):
        file.unlink()


@pytest.mark.parametrize(
    ("damage", "names"),
    [
        (damage_missing_camera, "cam4"),
        (damage_empty_camera, "cam4"),
        (damage_missing_ids, "test_id.txt"),
        (damage_junk_ids, "val_id.txt: expected positive integers separated by commas, found 'five'"),
        (damage_labels, "train_ir_resized_label.npy"),
        (damage_one_modality, "found none of 2"),
        (damage_no_arrays, "train_rgb_resized_img.npy: expected a prepared array, found none; run: mvd prepare"),
        (damage_no_arrays, " --height 32 --width 16"),
    ],
)
def test_damaged_data_is_one_line_before_anything_is_written(
    data: Path, capsys: pytest.CaptureFixture[str], damage: object, names: str
) -> None:
    assert callable(damage)
    damage(data)
    assert names in refused(capsys, *training(data))
    assert not (data.parent / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--sampling.identities=9",), "expected at least 9 identities to fill a batch, found 3"),
        (("--data.height=64",), "expected prepared pictures of 64×16, found 32×16; run: mvd prepare "),
        (("--data.height=64",), " --height 64 --width 16; or train a new run with --data.height 32 --data.width 16"),
        (("--data.width=5",), "data.width: expected at least 16, found 5"),
        (("--runtime.device=cuda:7",), "expected a device of this machine, found 'cuda:7'"),
        (("--losses.margin=-1",), "losses.margin: expected 0 or more, found -1.0"),
    ],
)
def test_settings_that_do_not_fit_are_one_line_before_anything_is_written(
    data: Path, capsys: pytest.CaptureFixture[str], arguments: Sequence[str], message: str
) -> None:
    assert message in refused(capsys, *training(data, *arguments))
    assert not (data.parent / "run").exists()


@pytest.mark.parametrize("content", [b"", b"no picture", None])
def test_an_unreadable_picture_is_named_when_data_are_prepared(
    data: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    for picture in (data / "cam3" / "0001" / "0002.jpg", data / "cam5" / "0007" / "0001.jpg"):
        whole = picture.read_bytes()
        picture.write_bytes(whole[:-30] if content is None else content)
        assert str(picture) in refused(capsys, "prepare", data, "--out", data.parent / "arrays", *SIZE)
        picture.write_bytes(whole)


def test_a_picture_that_was_damaged_since_is_named_when_a_run_is_evaluated(
    data: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = data / "cam6" / "0008" / "0001.jpg"
    picture.write_bytes(b"")
    assert str(picture) in refused(capsys, "evaluate", trained, "--data", data)


def test_a_run_that_cannot_be_written_is_named(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocked = data.parent / "file"
    blocked.write_text("in the way")
    message = refused(capsys, "train", data, "--out", blocked / "run", *TINY)
    assert f"{blocked / 'run'}: expected a folder that a run can be written to" in message


def test_a_run_on_people_who_have_changed_is_not_resumed(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert mvd(*training(data, "--evaluate", "none")) == 0
    write_ids(data, train=(1, 2), val=(3, 4, 5))
    assert mvd("prepare", data, *SIZE) == 0
    assert "expected the 3 people that the run was started with" in refused(capsys, "train", "--resume", run)


def test_a_data_set_that_was_moved_after_training_is_named_with_the_flag_for_its_place(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mvd(*training(data, "--evaluate", "none")) == 0
    data.rename(tmp_path / "moved")
    capsys.readouterr()
    for verb in ("evaluate", "report"):
        message = refused(capsys, verb, tmp_path / "run")
        assert f"{data}: expected the data set that {tmp_path / 'run'} was trained on, found nothing there" in message
        assert "name its new place: --data DATA" in message


def test_flags_that_a_resumed_run_would_ignore_are_refused(
    data: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refused(capsys, "train", "--resume", trained, "--out", tmp_path / "other")
    assert "--out: expected none beside --resume" in message
    message = refused(capsys, "train", "--resume", trained, "--recipe", "agw")
    assert "--recipe: expected none beside --resume" in message
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--save-top", "5"), "--save-top: expected --save FILE.npz beside it, found none"),
        (("--k1", "5"), "--k1: expected --rerank beside it, found none"),
        (("--rerank-weight", "0.5"), "--rerank-weight: expected --rerank beside it, found none"),
    ],
)
def test_flags_of_an_evaluation_that_would_have_no_effect_are_refused(
    trained: Path, capsys: pytest.CaptureFixture[str], arguments: Sequence[str], message: str
) -> None:
    assert message in refused(capsys, "evaluate", trained, *arguments)


def test_runs_of_an_ablation_are_not_written_into_a_run(
    people: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(trained.rglob("*"))
    message = refused(capsys, "ablate", people, "--out", trained, *TINY)
    assert f"{trained}: expected a folder for several runs, found a run; choose another --out" in message
    assert sorted(trained.rglob("*")) == before


def test_wrong_folders_are_one_line(tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "expected a run folder" in refused(capsys, "evaluate", tmp_path)
    assert "expected a data set's folder" in refused(capsys, "prepare", tmp_path / "nowhere")
    assert "expected a data folder to train on" in refused(capsys, "train")
    assert "expected SYSU-MM01" in refused(capsys, "train", tmp_path, "--resume", trained)
    assert "expected a run folder" in refused(capsys, "train", "--resume", tmp_path)
    for setting in (("--replace",), ("--pretrained", "resnet50.pth")):
        assert "without --pretrained and --replace" in refused(capsys, "train", "--resume", trained, *setting)
    missing = refused(capsys, "evaluate", trained, "--protocols", "*/official")
    assert "rand_perm_cam.mat" in missing
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert "expected a new or empty folder" in refused(capsys, "synth", tmp_path / "full")
    assert "expected a new folder for the demo" in refused(capsys, "demo", tmp_path / "full", "--replace")


def test_a_misspelt_flag_is_answered_with_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_code:
        mvd("train", "data", "--optimizer.lrr", "1")
    assert exit_code.value.code == 2
    assert "--optimizer.lr " in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "mvd", "recipes"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""


def test_figures_that_cannot_be_kept_are_shown(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    (run / "evaluation-best.json").unlink(missing_ok=True)
    (run / "evaluation-best.json").mkdir()  # nothing can be written there, whoever writes
    capsys.readouterr()
    assert mvd("evaluate", run) == 0
    shown = capsys.readouterr()
    assert "sysu/all-search/single-shot/seeded" in shown.out
    assert "evaluation-best.json: expected to write it, could not" in " ".join(shown.err.split())
    assert "the figures are shown, and not kept" in " ".join(shown.err.split())
