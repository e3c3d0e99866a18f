"""Run folders: never overwritten unasked, checkpoints whole or absent, damage named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mvd.config import RunConfig
from mvd.errors import CheckpointError, ConfigError, RunError
from mvd.runs import CheckpointMeta, RunData, RunFolder, create_run, load_checkpoint, open_run

DATA = RunData(root="/data", prepared="/data", dataset="sysu", identities=(3, 5))
META = CheckpointMeta(step=7, epoch=1, metrics={"mAP": 0.5}, best=0.5)
TENSORS = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "count": np.array(4)}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path / "deep" / "run", RunConfig(seed=3), DATA, replace=False)


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


def test_checkpoint_round_trip_is_exact(run: RunFolder) -> None:
    run.save_checkpoint("best", TENSORS, META)
    tensors, meta = load_checkpoint(run.checkpoint("best"))
    assert meta == META
    assert tensors.keys() == TENSORS.keys()
    for name, values in TENSORS.items():
        np.testing.assert_array_equal(tensors[name], values)
        assert tensors[name].dtype == values.dtype


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


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.save_checkpoint("last", TENSORS, META)
    before = run.checkpoint("last").read_bytes()

    def full(file: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mvd.runs.checkpoints._flush", full)
    with pytest.raises(RunError, match=r"No space left on device.*free space, then go on with: mvd train --resume"):
        run.save_checkpoint("last", {"weight": np.zeros(9)}, META)
    assert run.checkpoint("last").read_bytes() == before
    assert [file.name for file in run.checkpoint("last").parent.iterdir()] == ["last.safetensors"]


@pytest.mark.parametrize("damage", ["missing", "truncated", "flipped", "foreign", "text"])
def test_a_damaged_checkpoint_is_named(run: RunFolder, damage: str) -> None:
    file = run.checkpoint("last")
    run.save_checkpoint("last", TENSORS, META)
    content = file.read_bytes()
    match damage:
        case "missing":
            file.unlink()
        case "truncated":
            file.write_bytes(content[:-4])
        case "flipped":
            file.write_bytes(bytes([content[0] ^ 255]) + content[1:])
        case "foreign":
            header = json.dumps({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
            file.write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0\0\0")
        case "text":
            file.write_text("no checkpoint")
    with pytest.raises(CheckpointError, match=r"last\.safetensors: expected a checkpoint"):
        load_checkpoint(file)


def test_metrics_are_rewound_to_a_step(run: RunFolder) -> None:
    assert run.metrics() == []
    for step in (5, 10, 15):
        run.log({"step": step, "loss": 1 / step})
    run.rewind_metrics(10)
    assert run.metrics() == [{"step": 5, "loss": 0.2}, {"step": 10, "loss": 0.1}]


def test_a_line_that_was_cut_off_is_left_out(run: RunFolder) -> None:
    run.log({"step": 5})
    with run.path.joinpath("metrics.jsonl").open("a") as file:
        file.write('{"step": 1')
    assert run.metrics() == [{"step": 5}]


def test_what_is_no_run_is_refused_by_name(tmp_path: Path, run: RunFolder) -> None:
    with pytest.raises(RunError, match=r"expected a run folder with config\.json, found none"):
        open_run(tmp_path)
    (run.path / "config.json").write_text("{")
    with pytest.raises(ConfigError, match=r"config\.json: expected JSON"):
        _ = run.config
    (run.path / "data.json").write_text("[]")
    with pytest.raises(RunError, match=r"data\.json: expected what the run was trained on"):
        _ = run.data
