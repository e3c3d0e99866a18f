"""The command line as a user meets it: the whole way from a folder to figures, and each wrong input as one line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from fakes import write_ids, write_tree
from safetensors.numpy import load_file
from scipy.io import loadmat
from shell import SIZE, TINY, mvd, printed, refused

from mvd import __version__
from mvd.data.samples import Samples
from mvd.metrics.features import Features


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_tree(tmp_path_factory.mktemp("data with cam1 and spaces") / "dätä")
    assert mvd("prepare", root, *SIZE) == 0
    return root


@pytest.fixture
def data(template: Path, tmp_path: Path) -> Path:
    """A prepared tree that a test may damage."""
    return shutil.copytree(template, tmp_path / "data")


@pytest.fixture(scope="module")
def trained(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "run"
    assert mvd("train", template, "--out", run, *TINY) == 0
    return run


def train(data: Path, *arguments: str | Path) -> tuple[str | Path, ...]:
    return ("train", data, "--out", data.parent / "run", *TINY, *arguments)


def test_training_leaves_a_run_folder_and_ends_with_the_figures(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mvd(*train(data)) == 0
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
    trained: Path, template: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
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
    assert mvd("train", template, "--out", tmp_path / "plain", *TINY, *plain, "--evaluate", "none") == 0
    message = refused(capsys, "evaluate", tmp_path / "plain", "--descriptor", "both")
    assert "without one there are no representations, found both" in message


def test_training_on_the_validation_people_too_leaves_the_last_weights(data: Path, tmp_path: Path) -> None:
    assert mvd(*train(data, "--data.train-on", "train+validation")) == 0
    run = tmp_path / "run"
    names = sorted(file.name for file in (run / "checkpoints").iterdir())
    assert names == ["last.safetensors", "previous.safetensors"]
    assert json.loads((run / "data.json").read_text())["identities"] == [1, 2, 3, 4, 5]
    assert json.loads((run / "evaluation-best.json").read_text())["weights"].endswith("last.safetensors")


def test_initial_weights_are_another_network_than_the_trained(trained: Path) -> None:
    assert mvd("evaluate", trained, "--weights", "initial") == 0
    assert json.loads((trained / "evaluation-initial.json").read_text())["weights"] == "initial"


def test_training_on_an_existing_run_is_refused_with_both_ways_out(
    template: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (trained / "metrics.jsonl").read_bytes()
    message = refused(capsys, "train", template, "--out", trained, *TINY)
    assert f"mvd train --resume {trained}" in message
    assert "--replace" in message
    assert (trained / "metrics.jsonl").read_bytes() == before


def test_a_finished_run_is_resumed_to_the_same_figures(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    assert mvd("train", "--resume", run, "--evaluate", "none") == 0
    assert (run / "metrics.jsonl").read_bytes() == (trained / "metrics.jsonl").read_bytes()


def test_weights_go_to_mindspore_and_back_and_start_another_run(
    template: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
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
    assert mvd("train", template, "--out", run, *TINY, *few, "--pretrained", tmp_path / "mvd.ckpt") == 0
    started = load_file(run / "checkpoints" / "last.safetensors")
    name = "infrared.encoder.layer3.0.conv1.weight"
    np.testing.assert_allclose(started[name], there[name], atol=1e-6)
    assert json.loads((run / "data.json").read_text())["pretrained"] == str(tmp_path / "mvd.ckpt")

    (tmp_path / "junk.pth").write_bytes(b"no weights")
    assert "junk.pth" in refused(capsys, "convert", tmp_path / "junk.pth", tmp_path / "out", "--to", "mvd")
    flags = ("--out", tmp_path / "other", *TINY, "--pretrained", tmp_path / "junk.pth")
    assert "junk.pth" in refused(capsys, "train", template, *flags)
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
    assert capsys.readouterr().out.splitlines()[-1] == f"next: mvd train {data} --prepared {out} {flags}"


def test_official_galleries_are_taken_where_there_are_any(
    tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = ("--train", "2", "--validation", "1", "--test", "3", "--pictures", "2", "--height", "64", "--workers", "1")
    assert mvd("synth", tmp_path / "people", *people) == 0
    assert mvd("evaluate", trained, "--data", tmp_path / "people") == 0
    assert "single-shot/official" in capsys.readouterr().out


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
    ],
)
def test_damaged_data_is_one_line_before_anything_is_written(
    data: Path, capsys: pytest.CaptureFixture[str], damage: object, names: str
) -> None:
    assert callable(damage)
    damage(data)
    assert names in refused(capsys, *train(data))
    assert not (data.parent / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--sampling.identities=9",), "expected at least 9 identities to fill a batch, found 3"),
        (("--data.height=64",), "expected prepared pictures of 64×16, found 32×16"),
        (("--data.width=5",), "data.width: expected at least 16, found 5"),
        (("--runtime.device=cuda:7",), "expected a device of this machine, found 'cuda:7'"),
        (("--losses.margin=-1",), "losses.margin: expected 0 or more, found -1.0"),
    ],
)
def test_settings_that_do_not_fit_are_one_line_before_anything_is_written(
    data: Path, capsys: pytest.CaptureFixture[str], arguments: Sequence[str], message: str
) -> None:
    assert message in refused(capsys, *train(data, *arguments))
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
    assert mvd(*train(data, "--evaluate", "none")) == 0
    write_ids(data, train=(1, 2), val=(3, 4, 5))
    assert mvd("prepare", data, *SIZE) == 0
    assert "expected the 3 people that the run was started with" in refused(capsys, "train", "--resume", run)


def test_wrong_folders_are_one_line(tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "expected a run folder" in refused(capsys, "evaluate", tmp_path)
    assert "expected a data set's folder" in refused(capsys, "prepare", tmp_path / "nowhere")
    assert "expected a data folder to train on" in refused(capsys, "train")
    assert "expected SYSU-MM01" in refused(capsys, "train", tmp_path, "--resume", trained)
    assert "found none" in refused(capsys, "train", "--resume", tmp_path)
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
