"""The command line as a user meets it: the whole way from a folder to figures, and each wrong input as one line."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from fakes import write_own_table
from safetensors.numpy import load_file
from scipy.io import loadmat
from shell import SIZE, TINY, mvd, printed, refused, training

from mvd import __version__
from mvd.data.samples import Samples
from mvd.metrics.features import Features


def test_training_leaves_a_run_folder_and_ends_with_the_figures(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mvd(*training(data)) == 0
    output = capsys.readouterr().out
    assert "sysu/all-search/single-shot/seeded" in output
    assert "sysu/indoor-search/single-shot/seeded" in output
    run = tmp_path / "run"
    files = sorted(str(file.relative_to(run)) for file in run.rglob("*") if file.is_file())
    assert files == [
        "checkpoints/best.safetensors",
        "checkpoints/last.safetensors",
        "checkpoints/previous.safetensors",
        "config.json",
        "data.json",
        "evaluation-best.json",
        "metrics.jsonl",
        "state.json",
    ]
    assert json.loads((run / "config.json").read_text())["model"]["base_width"] == 2
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [1, 2, 2, 3, 4, 4]
    assert set(records[0]["losses"]) == {"identity", "metric", "vsd", "vcd", "vml", "total"}


def test_evaluation_writes_and_prints_the_protocols_asked_for(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mvd("evaluate", trained, "--protocols", "sysu/indoor-*/multi-shot/seeded", "--weights", "last") == 0
    assert "sysu/indoor-search/multi-shot/seeded" in capsys.readouterr().out
    record = json.loads((trained / "evaluation-last.json").read_text())
    (result,) = record["results"]
    # Three test people, each with two pictures by the cameras 1 and 2, asked for by cameras 3 and 6.
    assert (result["queries"], result["gallery"], result["people"]) == (12, 12, 3)
    assert len(result["trials"]["mAP"]) == 10
    assert all(0 <= result["mean"][name] <= 1 for name in ("rank_1", "rank_20", "mAP", "mINP"))


def test_a_run_may_be_described_by_what_its_configuration_does_not_say(
    trained: Path, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tested: list[int] = []

    def features(*, descriptors: npt.NDArray[np.float32], samples: Samples) -> Features:
        tested.append(descriptors.shape[1])
        return Features(descriptors=descriptors, samples=samples)

    monkeypatch.setattr("mvd.commands.results.evaluate.Features", features)
    for descriptor in ("observation", "representation", "both"):
        assert mvd("evaluate", trained, "--descriptor", descriptor) == 0
        assert f"best, {descriptor}" in printed(capsys)
        name = "evaluation-best.json" if descriptor == "observation" else f"evaluation-best-{descriptor}.json"
        record = json.loads((trained / name).read_text())
        assert record["descriptor"] == descriptor
    # Four passes, of an encoder with 16 channels and a representation of width 8.
    assert tested == [64, 32, 96]
    plain = ("--model.no-bottleneck", *(f"--losses.{name}-weight=0" for name in ("vsd", "vcd", "vml")))
    assert mvd("train", people, "--out", tmp_path / "plain", *TINY, *plain, "--evaluate", "none") == 0
    message = refused(capsys, "evaluate", tmp_path / "plain", "--descriptor", "both")
    assert "without one there are no representations, found both" in message


def test_training_on_the_validation_people_too_leaves_the_last_weights(data: Path, tmp_path: Path) -> None:
    assert mvd(*training(data, "--data.train-on", "train+validation")) == 0
    run = tmp_path / "run"
    names = sorted(file.name for file in (run / "checkpoints").iterdir())
    assert names == ["last.safetensors", "previous.safetensors"]
    assert json.loads((run / "data.json").read_text())["identities"] == [1, 2, 3, 4, 5]
    assert json.loads((run / "evaluation-best.json").read_text())["weights"].endswith("last.safetensors")


def test_initial_weights_are_another_network_than_the_trained(trained: Path) -> None:
    assert mvd("evaluate", trained, "--weights", "initial") == 0
    assert json.loads((trained / "evaluation-initial.json").read_text())["weights"] == "initial"


def test_a_finished_run_is_resumed_to_the_same_figures(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    assert mvd("train", "--resume", run, "--evaluate", "none") == 0
    assert (run / "metrics.jsonl").read_bytes() == (trained / "metrics.jsonl").read_bytes()


def test_weights_go_to_mindspore_and_back_and_start_another_run(
    people: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best = trained / "checkpoints" / "best.safetensors"
    assert mvd("convert", best, tmp_path / "mvd.ckpt", "--to", "mindspore") == 0
    assert mvd("convert", tmp_path / "mvd.ckpt", tmp_path / "back.safetensors", "--to", "mvd") == 0
    there, back = (load_file(file) for file in (best, tmp_path / "back.safetensors"))
    assert set(back) == set(there)
    # How many batches a norm has seen has no place in MindSpore.
    assert all(np.array_equal(back[name], there[name]) for name in back if "num_batches" not in name)

    run = tmp_path / "run"
    few = ("--schedule.epochs=1", "--optimizer.lr=1e-30", "--evaluate", "none")
    assert mvd("train", people, "--out", run, *TINY, *few, "--pretrained", tmp_path / "mvd.ckpt") == 0
    started = load_file(run / "checkpoints" / "last.safetensors")
    name = "infrared.encoder.layer3.0.conv1.weight"
    np.testing.assert_allclose(started[name], there[name], atol=1e-6)
    assert json.loads((run / "data.json").read_text())["pretrained"] == str(tmp_path / "mvd.ckpt")

    (tmp_path / "junk.pth").write_bytes(b"no weights")
    assert "junk.pth" in refused(capsys, "convert", tmp_path / "junk.pth", tmp_path / "out", "--to", "mvd")
    flags = ("--out", tmp_path / "other", *TINY, "--pretrained", tmp_path / "junk.pth")
    assert "junk.pth" in refused(capsys, "train", people, *flags)
    assert not (tmp_path / "other").exists()


def test_synth_makes_a_tree_that_can_be_prepared_and_has_official_galleries(tmp_path: Path) -> None:
    out = tmp_path / "people"
    sizes = ("--train", "2", "--validation", "1", "--test", "2", "--pictures", "2", "--height", "64", "--workers", "1")
    assert mvd("synth", out, *sizes, "--sheet", tmp_path / "sheet.png") == 0
    assert len(list(out.glob("cam*/*/*.jpg"))) == 5 * 6 * 2
    assert loadmat(out / "exp" / "rand_perm_cam.mat")["rand_perm_cam"].shape == (6, 1)
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert mvd("prepare", out, *SIZE) == 0
    assert np.load(out / "train_rgb_resized_img.npy").shape == (3 * 4 * 2, 32, 16, 3)


@pytest.mark.parametrize(
    ("height", "width", "flags"),
    [(96, 48, "--recipe demo"), (288, 144, "--recipe mvd"), (32, 16, "--data.height 32 --data.width 16")],
)
def test_preparing_ends_with_the_command_that_fits_its_size(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], height: int, width: int, flags: str
) -> None:
    out = tmp_path / "arrays"
    assert mvd("prepare", data, "--out", out, "--height", str(height), "--width", str(width)) == 0
    people = "--sampling.identities 3"  # in training
    assert capsys.readouterr().out.splitlines()[-1] == f"next: mvd train {data} --prepared {out} {flags} {people}"


@pytest.mark.parametrize("train", [2, 8, None])
def test_the_command_that_preparing_ends_with_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], train: int | None
) -> None:
    people = tmp_path / "people"
    if train is None:  # nobody to test
        names = ("anna", "bo", "cy")
        people = write_own_table(people / "people.csv", people=names, splits=dict.fromkeys(names, "train"))
    else:
        numbers = ("--train", str(train), "--validation", "0", "--test", "1", "--pictures", "1", "--height", "64")
        assert mvd("synth", people, *numbers, "--workers", "1") == 0
    assert mvd("prepare", people, "--height", "96", "--width", "48") == 0
    words = shlex.split(capsys.readouterr().out.splitlines()[-1].removeprefix("next: mvd "))
    assert words[0] == "train"
    assert ("--evaluate" in words) == (train is None)
    small = [flag for flag in TINY if not flag.startswith(("--data", "--sampling.identities"))]
    assert mvd(*words, "--out", tmp_path / "run", *small) == 0


def test_preparing_too_few_people_proposes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people = ("--train", "1", "--validation", "0", "--test", "1", "--pictures", "1", "--height", "64")
    assert mvd("synth", tmp_path / "people", *people, "--workers", "1") == 0
    assert mvd("prepare", tmp_path / "people", *SIZE) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "too few people to train on: at least 2 are needed"


def test_official_galleries_are_taken_where_there_are_any(
    tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = ("--train", "2", "--validation", "1", "--test", "3", "--pictures", "2", "--height", "64", "--workers", "1")
    assert mvd("synth", tmp_path / "people", *people) == 0
    assert mvd("evaluate", trained, "--data", tmp_path / "people") == 0
    assert "single-shot/official" in capsys.readouterr().out


def test_a_recipe_gives_the_defaults_of_the_other_flags(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, expected in ((["--recipe", "demo"], "resnet18"), (["--recipe=demo"], "resnet18"), ([], "resnet50")):
        with pytest.raises(SystemExit):
            mvd("train", *arguments, "--help")
        assert f"(default: {expected})" in capsys.readouterr().out


def test_the_command_starts_without_torch() -> None:
    code = (
        "import sys; from mvd.cli import main\ntry: main(['--help'])\nexcept SystemExit: print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        mvd("--version")
    assert capsys.readouterr().out == f"mvd {__version__}\n"
