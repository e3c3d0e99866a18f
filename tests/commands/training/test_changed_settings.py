"""Runs that go on with other settings, and checkpoints that belong to another run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from fakes import write_ids
from shell import SIZE, TINY, mvd, printed, refused
from test_survival import state

import mvd as api
from mvd.commands.weights.push import save_model
from mvd.config import EpochSchedule
from mvd.config.changes import find_changes
from mvd.config.recipes import RECIPES
from mvd.errors import ConfigError, RunError
from mvd.original.weights import load_weights
from mvd.runs import CheckpointMeta, RunFolder, load_checkpoint, open_run, read_card
from mvd.runs.recovery import recover

QUIET = (*TINY, "--runtime.threads=1", "--evaluate=none")
STEADY = ("--recipe=mvd-mindspore", "--data.train-on=train", "--schedule.warmup-epochs=0")


@pytest.fixture(scope="module")
def trained(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two epochs of two steps."""
    run = tmp_path_factory.mktemp("runs") / "run"
    assert mvd("train", people, "--out", run, *QUIET) == 0
    return run


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "run")


def test_a_finished_run_takes_more_epochs_and_ends_as_one_that_had_them_from_the_start(
    people: Path, tmp_path: Path
) -> None:
    assert isinstance(RECIPES["mvd-mindspore"].schedule, EpochSchedule)  # a factor that does not depend on the epochs
    runs = {name: tmp_path / name for name in ("short", "long")}
    for epochs, run in zip((2, 4), runs.values(), strict=True):
        assert mvd("train", people, "--out", run, *STEADY, *QUIET, f"--schedule.epochs={epochs}") == 0
    assert state(runs["short"]) != state(runs["long"])
    assert mvd("train", "--resume", runs["short"], "--schedule.epochs", "4", "--evaluate=none") == 0
    (tensors, log), expected = state(runs["short"]), state(runs["long"])
    assert tensors == expected[0]
    assert [line for line in log if "changes" not in line] == expected[1]
    assert open_run(runs["short"]).config == open_run(runs["long"]).config


def test_a_change_holds_from_its_step_and_is_kept_in_state_log_card_and_listings(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = open_run(run)
    started = before.config.optimizer.lr
    assert mvd("train", "--resume", run, "--optimizer.lr=1e-6", "--schedule.epochs=3", "--runtime.validate-every=3",
               "--runtime.workers=2", "--evaluate=none") == 0  # fmt: skip
    after = open_run(run)
    assert (after.config.optimizer.lr, after.first_config.optimizer.lr) == (1e-6, started)
    assert find_changes(after.first_config, after.config) == {
        "optimizer.lr": 1e-6, "schedule.epochs": 3, "runtime.validate_every": 3, "runtime.workers": 2
    }  # fmt: skip
    line = f"step 4: optimizer.lr {started} → 1e-06, schedule.epochs 2 → 3"
    rates = {record["step"]: record["lr"] for record in after.metrics() if "losses" in record}
    assert all(rates[step] <= 1e-6 < rates[2] for step in (5, 6))
    (change,) = [record for record in after.metrics() if "changes" in record]
    assert (change["step"], change["epoch"], change["changes"]["optimizer.lr"]) == (4, 2, 1e-6)
    assert json.loads((run / "state.json").read_text())["changes"][0].startswith(line)
    card = read_card(after.checkpoint("last"))
    assert card is not None
    assert card.changes[0].startswith(line)
    capsys.readouterr()
    assert mvd("show", after.checkpoint("last")) == 0
    assert line in printed(capsys)
    assert mvd("runs", run) == 0
    assert "changed at step 4: optimizer.lr" in printed(capsys)
    # Without flags it keeps them, and nothing is recorded again.
    assert mvd("train", "--resume", run, "--evaluate=none") == 0
    assert len(open_run(run).changes) == 1
    assert mvd("train", "--resume", run, "--optimizer.lr=1e-6", "--evaluate=none") == 0
    assert len(open_run(run).changes) == 1


def test_python_takes_changes_by_their_names(run: Path) -> None:
    assert api.resume(run, changes={"schedule.epochs": 3}).finished
    assert load_checkpoint(open_run(run).checkpoint("last"))[1].step == 6
    with pytest.raises(ConfigError, match=r"optimizer\.rate: expected a field of the configuration"):
        api.resume(run, changes={"optimizer.rate": 1})
    with pytest.raises(ConfigError, match=r"changes: expected the configuration of a run, found: .*epochs"):
        api.resume(run, changes={"schedule.epochs": "many"})


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        ("--model.z-dim=16", "model.z_dim"),
        ("--seed=3", "seed"),
        ("--sampling.identities=3", "sampling.identities"),
        ("--data.height=48", "data.height"),
        ("--losses.vsd-weight=0.5", "losses.vsd_weight"),
        ("--optimizer.kind=sgd", "optimizer.kind"),
    ],
)
def test_what_a_run_cannot_change_names_the_way(
    run: Path, capsys: pytest.CaptureFixture[str], flag: str, name: str
) -> None:
    message = refused(capsys, "train", "--resume", run, flag)
    assert f"found {name}; start a new run from its weights: mvd train DATA --pretrained {run} --out NEW" in message
    assert not (run / "changes.json").exists()


def test_fewer_epochs_than_were_taken_are_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "expected more than the 2 epochs that the run has taken, found 1" in refused(
        capsys, "train", "--resume", run, "--schedule.epochs=1"
    )


def test_a_kill_between_the_files_of_a_change_does_no_harm(run: Path) -> None:
    folder = open_run(run)
    log = (run / "metrics.jsonl").read_text()
    folder.change(4, 2, {"schedule.epochs": 9})
    (run / "metrics.jsonl").write_text(log)  # killed before the line was written
    assert recover(folder) is not None
    assert [record["step"] for record in folder.metrics() if "changes" in record] == [4]
    folder.rewind(2)  # the last checkpoint was damaged
    assert [(change.step, change.changes) for change in folder.changes] == [(2, {"schedule.epochs": 9})]
    (run / "changes.json").write_text('[{"step": 1}]')
    with pytest.raises(RunError, match=r"changes\.json: expected changes of settings, found something else"):
        _ = folder.config


def test_a_changed_runs_earlier_best_checkpoint_is_still_its_own(run: Path) -> None:
    folder = open_run(run)
    folder.change(4, 2, {"optimizer.lr": 1e-5})
    assert folder.best_checkpoint.name == "best.safetensors"
    folder.change(4, 2, {"optimizer.lr": 1e-6})
    tensors, meta = load_checkpoint(folder.checkpoint("last"))
    folder.save_checkpoint("last", tensors, meta)
    assert folder.own_checkpoint("last").is_file()


@pytest.fixture(scope="module")
def other(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of another seed, with weights of the same shapes."""
    path = shutil.copytree(trained, tmp_path_factory.mktemp("runs") / "other")
    fields = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**fields, "seed": 7}))
    folder = RunFolder(path)
    for file in (path / "checkpoints").iterdir():
        tensors, meta = load_checkpoint(file)
        folder.save_checkpoint("best" if file.stem == "best" else "last", tensors, meta)
    return path


def test_a_checkpoint_of_another_run_is_refused_by_every_verb(
    run: Path, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = "expected a checkpoint of this run, found one of another: seed 7 instead of 0"
    for name in ("best", "last"):
        own = (run / "checkpoints" / f"{name}.safetensors").read_bytes()
        file = Path(shutil.copy(other / "checkpoints" / f"{name}.safetensors", run / "checkpoints"))
        assert found in refused(capsys, "evaluate", run, "--weights", name)
        assert found in refused(capsys, "export", run, "--weights", name)
        assert found in refused(capsys, "train", "--resume", run)
        assert found in refused(capsys, "show", file)
        if name == "best":
            assert found in refused(capsys, "show", run)
            assert found in refused(capsys, "push", run, tmp_path / "model", "--local")
            assert not (tmp_path / "model").exists()
            with pytest.raises(RunError, match=found):
                api.Embedder.from_pretrained(run)
            with pytest.raises(RunError, match=found):
                save_model(run, tmp_path / "model", "model")
        with pytest.raises(RunError, match=found):
            load_weights(file)
        file.write_bytes(own)
    assert mvd("evaluate", run) == 0


def test_a_checkpoint_of_other_people_is_refused_though_the_settings_are_the_same(run: Path) -> None:
    folder = open_run(run)
    fields = json.loads((run / "data.json").read_text())
    (run / "data.json").write_text(json.dumps({**fields, "root": "/moved", "prepared": "/moved"}))
    assert folder.best_checkpoint.is_file()
    (run / "data.json").write_text(json.dumps({**fields, "pictures": "of others"}))
    with pytest.raises(RunError, match="found one of another: trained on other people or pictures"):
        _ = folder.best_checkpoint


def test_weights_of_a_foreign_writer_are_left_to_their_reader(run: Path) -> None:
    folder = open_run(run)
    folder.checkpoint("best").write_bytes(b"damaged")
    assert folder.own_checkpoint("best") == folder.checkpoint("best")
    assert CheckpointMeta(step=0, epoch=0, metrics={}, best=None).step == 0


def test_a_run_folder_stands_for_its_best_checkpoint_as_initial_weights(
    trained: Path, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "next"
    assert mvd("train", people, "--out", out, *QUIET, "--seed=1", "--pretrained", trained) == 0
    assert open_run(out).data.pretrained == str(trained / "checkpoints" / "best.safetensors")
    card = read_card(open_run(out).checkpoint("last"))
    assert card is not None
    assert card.pretrained == "run/best.safetensors"
    (tmp_path / "empty").mkdir()
    assert "expected a model with model.safetensors in it, or a run folder" in refused(
        capsys, "train", people, "--out", tmp_path / "no", *QUIET, "--pretrained", tmp_path / "empty"
    )


def test_people_whom_the_initial_weights_have_seen_are_not_tested_unasked(
    trained: Path, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    turned = shutil.copytree(people, tmp_path / "turned")
    write_ids(turned, train=(6, 7, 8), val=(4, 5), test=(1, 2, 3))
    for file in turned.glob("train_*"):
        file.unlink()
    assert mvd("prepare", turned, *SIZE) == 0
    for pretrained, expected in ((None, 0), (trained, 1)):
        out = tmp_path / f"run-{expected}"
        flags: list[str | Path] = [] if pretrained is None else ["--pretrained", pretrained]
        assert mvd("train", turned, "--out", out, *QUIET, *flags) == 0
        assert mvd("evaluate", out) == expected
    assert "expected test people whom it was not trained on, found 3 of 3" in capsys.readouterr().err
    tested = [flag for flag in QUIET if "evaluate" not in flag]
    message = refused(capsys, "train", turned, "--out", tmp_path / "new", *tested, "--pretrained", trained)
    assert "or train with --evaluate none" in message
    assert not (tmp_path / "new").exists()
