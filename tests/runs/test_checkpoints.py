"""Checkpoints: whole or absent, the one before kept, damage noticed and named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from mvd.errors import CheckpointError, RunError
from mvd.runs import CheckpointMeta, DamagedCheckpointError, RunFolder, load_checkpoint

META = CheckpointMeta(
    step=7, epoch=1, metrics={"mAP": 0.5}, best=0.5, best_step=7, unlogged={"total": [0.1, 1 / 3], "accuracy": [0, 1]}
)
TENSORS = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "count": np.array(4), "none": np.zeros((0, 3))}


def meta(step: int) -> CheckpointMeta:
    return CheckpointMeta(step=step, epoch=0, metrics={}, best=None)


def test_checkpoint_round_trip_is_exact(run: RunFolder) -> None:
    run.save_checkpoint("best", TENSORS, META)
    tensors, meta = load_checkpoint(run.checkpoint("best"))
    assert meta == META
    assert tensors.keys() == TENSORS.keys()
    for name, values in TENSORS.items():
        np.testing.assert_array_equal(tensors[name], values)
        assert tensors[name].dtype == values.dtype


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.save_checkpoint("last", TENSORS, META)
    before = run.checkpoint("last").read_bytes()

    def full(file: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mvd.runs.checkpoints.flush", full)
    with pytest.raises(RunError, match=r"No space left on device.*free space there .*: mvd train --resume"):
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


def test_foreign_readers_open_it_as_plain_safetensors(run: RunFolder) -> None:
    run.save_checkpoint("last", TENSORS, META)
    found = load_file(run.checkpoint("last"))
    assert found.keys() == TENSORS.keys()
    with safe_open(run.checkpoint("last"), framework="numpy") as archive:
        assert archive.metadata()["checksum"].startswith("crc32:")


def test_a_checkpoint_of_before_there_were_checksums_is_read(run: RunFolder) -> None:
    file = run.path / "old.safetensors"
    old = {"step": 7, "epoch": 1, "metrics": {"mAP": 0.5}, "best": 0.5}
    save_file(TENSORS, file, metadata={"mvd": json.dumps(old), "config": "{}"})
    tensors, found = load_checkpoint(file)
    assert (found.step, found.best, found.best_step, found.unlogged) == (7, 0.5, None, {})
    np.testing.assert_array_equal(tensors["weight"], TENSORS["weight"])


def test_no_flipped_bit_goes_unnoticed_unless_it_changes_nothing(run: RunFolder) -> None:
    file = run.checkpoint("last")
    run.save_checkpoint("last", TENSORS, META)
    content = file.read_bytes()
    expected = load_checkpoint(file)
    unnoticed = 0
    for place in [*range(200), *np.random.default_rng(0).integers(200, len(content), 400)]:
        file.write_bytes(content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :])
        try:
            tensors, found = load_checkpoint(file)
        except DamagedCheckpointError:
            continue
        unnoticed += 1
        assert found == expected[1]
        assert tensors.keys() == TENSORS.keys()
        assert all(np.array_equal(tensors[name], values) for name, values in TENSORS.items())
    assert unnoticed < 20  # such as a bit in the word "checksum"


def test_the_checkpoint_before_the_last_is_kept(run: RunFolder) -> None:
    for step in (1, 2, 3):
        run.save_checkpoint("last", TENSORS, meta(step))
    assert load_checkpoint(run.checkpoint("last"))[1].step == 3
    assert load_checkpoint(run.checkpoint("previous"))[1].step == 2
    assert len(list(run.checkpoint("last").parent.iterdir())) == 2


def test_it_is_kept_on_a_disk_without_hard_links_too(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    test_the_checkpoint_before_the_last_is_kept(run)


def test_both_names_may_be_of_one_file(run: RunFolder) -> None:
    run.save_checkpoint("last", TENSORS, meta(1))
    os.link(run.checkpoint("last"), run.checkpoint("previous"))  # killed before the new one got its name
    test_the_checkpoint_before_the_last_is_kept(run)


def test_a_full_disk_is_one_error_and_loses_nothing(run: RunFolder) -> None:
    resource = pytest.importorskip("resource")
    run.save_checkpoint("last", TENSORS, meta(1))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(RunError, match=r"expected to write it, could not .*; free space there .* --resume"):
            run.save_checkpoint("last", {"weight": np.zeros(9999)}, meta(2))
        with pytest.raises(RunError, match=r"metrics\.jsonl: expected to write it, could not \(File too large\)"):
            run.log({"step": 1, "much": "x" * 30_000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert load_checkpoint(run.checkpoint("last"))[1].step == 1
    assert [file.name for file in run.checkpoint("last").parent.iterdir()] == ["last.safetensors"]
    assert run.metrics() == []


def test_a_checkpoint_that_may_not_be_read_is_not_called_damaged(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.save_checkpoint("last", TENSORS, meta(1))

    def refuse(file: Path, *arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(CheckpointError, match=r"could not open it \(Permission denied\)") as found:
        load_checkpoint(run.checkpoint("last"))
    assert not isinstance(found.value, DamagedCheckpointError)
