"""Bringing a run back to its last checkpoint, from whatever being killed and failing disks leave behind."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest

from mvd.errors import CheckpointError, RunError
from mvd.files.atomic import replacing
from mvd.runs import CheckpointMeta, RunFolder, load_checkpoint, recover


def save(run: RunFolder, step: int, *, best_step: int | None = None) -> None:
    best = None if best_step is None else best_step / 100
    metrics = {"mAP": step / 100} if best_step == step else {}
    tensors = {"weight": np.full(3, step), "optimizer/weight/exp_avg": np.ones(3)}
    meta = CheckpointMeta(step=step, epoch=0, metrics=metrics, best=best, best_step=best_step)
    run.log({"step": step})
    run.save_checkpoint("last", tensors, meta)


def flip(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:-2] + bytes([content[-2] ^ 4]) + content[-1:])


def names(run: RunFolder) -> list[str]:
    return sorted(file.name for file in run.checkpoint("last").parent.iterdir())


def test_a_run_without_a_checkpoint_begins_at_its_beginning(run: RunFolder) -> None:
    run.log({"step": 1})
    assert recover(run) is None
    assert run.metrics() == []


def test_what_was_half_done_is_undone(run: RunFolder) -> None:
    save(run, 1)
    save(run, 2)
    run.log({"step": 3})
    (run.path / "checkpoints" / "last.part").write_bytes(b"half")
    (run.path / "checkpoints" / "best.part").write_bytes(b"half")
    found = recover(run)
    assert found is not None
    assert found.step == 2
    assert names(run) == ["last.safetensors", "previous.safetensors"]
    assert [record["step"] for record in run.metrics()] == [1, 2]


def test_of_a_damaged_last_checkpoint_is_told_and_the_one_before_is_used(
    run: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    for step in (1, 2, 3):
        save(run, step)
    flip(run.checkpoint("last"))
    with caplog.at_level(logging.WARNING):
        found = recover(run)
    assert found is not None
    assert found.step == 2
    (message,) = caplog.messages
    assert "last.safetensors: expected a checkpoint with the checksum crc32:" in message
    assert message.endswith("continuing from the previous one, of step 2")
    assert names(run) == ["damaged.safetensors", "last.safetensors"]
    assert [record["step"] for record in run.metrics()] == [1, 2]
    # The damaged one is not taken for the one before the next.
    save(run, 3)
    assert [load_checkpoint(run.checkpoint(name))[1].step for name in ("previous", "last")] == [2, 3]


def test_without_a_whole_checkpoint_nothing_is_changed(run: RunFolder) -> None:
    save(run, 1)
    flip(run.checkpoint("last"))
    with pytest.raises(CheckpointError, match=r"last\.safetensors: .*; there is no previous one: .*--replace"):
        recover(run)
    run.checkpoint("previous").write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match=r"last\.safetensors: .*the previous one is damaged too .*previous"):
        recover(run)
    assert names(run) == ["last.safetensors", "previous.safetensors"]
    assert run.metrics() == [{"step": 1}]


def test_a_last_checkpoint_that_was_not_named_yet_is_the_one_before(run: RunFolder) -> None:
    save(run, 1)
    run.checkpoint("last").rename(run.checkpoint("previous"))
    found = recover(run)
    assert found is not None
    assert found.step == 1
    assert names(run) == ["last.safetensors"]


@pytest.mark.parametrize("before", [False, True])
def test_a_best_checkpoint_that_was_not_kept_yet_is_made_from_the_last(run: RunFolder, before: bool) -> None:
    if before:
        run.save_checkpoint(
            "best", {"weight": np.zeros(3)}, CheckpointMeta(step=1, epoch=0, metrics={}, best=0.01, best_step=1)
        )
    save(run, 2, best_step=2)
    recover(run)
    tensors, meta = load_checkpoint(run.checkpoint("best"))
    assert (meta.step, meta.best) == (2, 0.02)
    assert tensors.keys() == {"weight"}
    assert tensors["weight"].tolist() == [2, 2, 2]


def test_a_best_checkpoint_of_earlier_stays(run: RunFolder) -> None:
    kept = CheckpointMeta(step=1, epoch=0, metrics={}, best=0.01, best_step=1)
    run.save_checkpoint("best", {"weight": np.zeros(3)}, kept)
    save(run, 2, best_step=1)
    recover(run)
    assert load_checkpoint(run.checkpoint("best"))[1] == kept


def test_a_folder_that_cannot_be_written_is_named(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    save(run, 1)

    def refuse(file: Path, text: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mvd.runs.folder.write_atomically", refuse)
    with pytest.raises(RunError, match=r"metrics\.jsonl: expected to write it, could not \(Permission denied\)"):
        recover(run)


@pytest.mark.skipif(os.name == "nt", reason="POSIX locks")
def test_temporary_files_of_a_run_that_was_killed_are_removed(run: RunFolder) -> None:
    left = run.path / f".state.json.{'0' * 16}.part"
    left.write_text("{")
    with replacing(run.path / "evaluation-best.json") as temporary:  # of somebody who evaluates it now
        temporary.write_text("{}")
        recover(run)
        assert not left.exists()
        assert temporary.exists()
