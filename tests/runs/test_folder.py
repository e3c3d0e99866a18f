"""Run folders: never overwritten unasked, checkpoints whole or absent, damage named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mvd.config import RunConfig
from mvd.errors import ConfigError, RunError
from mvd.runs import (
    CheckpointMeta,
    RunData,
    RunFolder,
    create_run,
    creating_run,
    load_checkpoint,
    open_run,
    running,
    write_state,
)

DATA = RunData(root="/data", prepared="/data", dataset="sysu", identities=(3, 5))
META = CheckpointMeta(step=7, epoch=1, metrics={"mAP": 0.5}, best=0.5)
TENSORS = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "count": np.array(4)}


def test_a_run_folder_holds_its_configuration_and_data(run: RunFolder) -> None:
    again = open_run(run.path)
    assert again.config == RunConfig(seed=3)
    assert again.data == DATA


def test_an_existing_run_is_refused_with_both_ways_out(run: RunFolder) -> None:
    with pytest.raises(RunError, match=r"mvd train --resume .*run, or start afresh: --replace"):
        create_run(run.path, RunConfig(), DATA, replace=False)
    assert run.config.seed == 3
    run.save_checkpoint("last", TENSORS, META)
    create_run(run.path, RunConfig(seed=4), DATA, replace=True)
    assert run.config.seed == 4
    assert not run.checkpoint("last").exists()


def test_a_folder_that_is_no_run_is_never_deleted(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    for taken in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(RunError, match="expected a new folder for the run, found something else"):
            create_run(taken, RunConfig(), DATA, replace=True)
    assert (tmp_path / "thesis.tex").read_text() == "precious"


def test_an_empty_folder_may_become_a_run(tmp_path: Path) -> None:
    assert create_run(tmp_path, RunConfig(), DATA, replace=False).data == DATA


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="run: expected a folder to write the run to, could not make it"):
        create_run(tmp_path / "file" / "run", RunConfig(), DATA, replace=False)


def test_whoever_may_read_the_run_may_read_its_checkpoints(run: RunFolder) -> None:
    run.save_checkpoint("last", TENSORS, META)
    assert run.checkpoint("last").stat().st_mode == (run.path / "config.json").stat().st_mode


def test_the_best_checkpoint_is_the_last_where_there_is_no_best(run: RunFolder) -> None:
    with pytest.raises(RunError, match="expected a checkpoint in it, found none"):
        _ = run.best_checkpoint
    run.save_checkpoint("last", TENSORS, META)
    assert run.best_checkpoint.name == "last.safetensors"
    run.save_checkpoint("best", TENSORS, META)
    assert run.best_checkpoint.name == "best.safetensors"


def test_metrics_are_rewound_to_a_step(run: RunFolder) -> None:
    assert run.metrics() == []
    for step in (5, 10, 15):
        run.log({"step": step, "loss": 1 / step})
    run.rewind(10)
    assert run.metrics() == [{"step": 5, "loss": 0.2}, {"step": 10, "loss": 0.1}]


@pytest.mark.parametrize("torn", ['{"step": 1', '{"step": 1\n', "\0\0\0"])
def test_a_last_line_that_was_cut_off_is_left_out(run: RunFolder, torn: str) -> None:
    run.log({"step": 5})
    with run.path.joinpath("metrics.jsonl").open("a") as file:
        file.write(torn)
    assert run.metrics() == [{"step": 5}]
    run.rewind(5)
    run.log({"step": 6})
    assert run.metrics() == [{"step": 5}, {"step": 6}]


def test_another_line_that_is_damaged_is_named(run: RunFolder) -> None:
    (run.path / "metrics.jsonl").write_text('{"step": 1}\n{"st\n{"step": 3}\n')
    with pytest.raises(RunError, match=r"metrics\.jsonl: expected a JSON object in line 2, found"):
        run.metrics()


def test_two_processes_cannot_work_on_one_run(run: RunFolder) -> None:
    with run.locked():
        with pytest.raises(RunError, match="expected no other process at work on this run, found one"), run.locked():
            pass
        with pytest.raises(RunError, match="expected no other process at work on this run, found one"):
            create_run(run.path, RunConfig(), DATA, replace=True)
        assert run.config.seed == 3
    with run.locked():
        pass


def test_of_two_processes_that_start_in_one_folder_one_creates_the_run(tmp_path: Path) -> None:
    with creating_run(tmp_path / "race", RunConfig(seed=1), DATA, replace=False) as run:
        for replace in (False, True):
            with pytest.raises(RunError, match="expected no other process at work on this run, found one"):
                create_run(run.path, RunConfig(seed=2), DATA, replace=replace)
        assert run.config.seed == 1
    assert sorted(file.name for file in run.path.iterdir()) == ["config.json", "data.json"]


def test_links_are_not_followed_when_a_run_is_written(run: RunFolder, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (run.path / "metrics.jsonl").symlink_to(victim)
    with pytest.raises(RunError, match=r"metrics\.jsonl: expected to write it, could not"):
        run.log({"step": 1})
    (run.path / "metrics.jsonl").unlink()
    run.save_checkpoint("last", TENSORS, META)
    run.checkpoint("last").unlink()
    run.checkpoint("last").symlink_to(victim)
    run.checkpoint("previous").with_suffix(".part").symlink_to(victim)
    (run.path / "state.json").symlink_to(victim)
    run.save_checkpoint("last", TENSORS, META)
    write_state(run.path, running("cpu"))
    assert victim.read_text() == "mine"


def test_replace_keeps_the_users_own_files(run: RunFolder) -> None:
    run.save_checkpoint("last", TENSORS, META)
    run.log({"step": 1})
    own = [run.path / "notes.md", run.path / "plots" / "loss.png", run.checkpoint("last").with_name("mine.safetensors")]
    for file in own:
        file.parent.mkdir(exist_ok=True)
        file.write_text("mine")
    create_run(run.path, RunConfig(seed=4), DATA, replace=True)
    left = {file for file in run.path.rglob("*") if file.is_file()}
    assert left == {*own, run.path / "config.json", run.path / "data.json"}
    (run.path / "config.json").unlink()  # killed before it was written
    assert create_run(run.path, RunConfig(seed=5), DATA, replace=False).config.seed == 5


@pytest.mark.parametrize(
    "written",
    [["data.json"], [".data.json.0123456789abcdef.part"], ["data.json", ".config.json.0123456789abcdef.part"]],
)
def test_a_run_that_was_never_quite_made_is_made_the_next_time(run: RunFolder, written: list[str]) -> None:
    for name in {"data.json", "config.json"} - set(written):
        (run.path / name).unlink()
    for name in written:
        if name.endswith(".part"):
            (run.path / name).write_text('{"ro')
    assert create_run(run.path, RunConfig(seed=4), DATA, replace=False).config.seed == 4
    assert sorted(file.name for file in run.path.iterdir()) == ["config.json", "data.json"]


def test_a_run_is_made_with_the_checkpoint_that_it_starts_from_or_not_at_all(
    tmp_path: Path, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create_run(tmp_path / "whole", RunConfig(), DATA, replace=False, start=(TENSORS, META))
    assert load_checkpoint(made.checkpoint("last"))[1] == META
    (made.path / "config.json").unlink()  # killed before it was written
    assert not create_run(made.path, RunConfig(), DATA, replace=False).checkpoint("last").exists()
    (made.path / "config.json").unlink()
    (made.path / "data.json").unlink()
    (made.path / "checkpoints").mkdir()  # somebody's own
    with pytest.raises(RunError, match="found something else"):
        create_run(made.path, RunConfig(), DATA, replace=True)


def test_a_run_whose_deletion_was_cut_short_can_be_deleted_again(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.save_checkpoint("last", TENSORS, META)

    def killed(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mvd.runs.creation._delete", killed)
        with pytest.raises(KeyboardInterrupt):
            create_run(run.path, RunConfig(seed=4), DATA, replace=True)
    assert create_run(run.path, RunConfig(seed=4), DATA, replace=True).config.seed == 4
    assert not run.checkpoint("last").exists()


def test_what_is_no_run_is_refused_by_name(tmp_path: Path, run: RunFolder) -> None:
    with pytest.raises(RunError, match=r"expected a run folder with config\.json, found another folder"):
        open_run(tmp_path)
    (run.path / "config.json").write_text("{")
    with pytest.raises(ConfigError, match=r"config\.json: expected JSON"):
        _ = run.config
    (run.path / "data.json").write_text("[]")
    with pytest.raises(RunError, match=r"data\.json: expected what the run was trained on"):
        _ = run.data
