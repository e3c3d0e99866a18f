"""Files of weights: their names, and what they hold and do not hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import save_file

from mvd.config import RunConfig, to_json
from mvd.errors import CheckpointError
from mvd.original import settings
from mvd.original.weights import discard_weights, keep_weights, load_weights, weights_name
from mvd.runs import CheckpointMeta, RunData, RunFolder, create_run
from mvd.weights import read_weights
from mvd.weights.shapes import network_shapes

if TYPE_CHECKING:
    from conftest import ReadGolden

TENSORS = {
    "shared.encoder.conv1.weight": np.ones((2, 3, 7, 7), np.float32),
    "shared.neck.classifier.weight": np.ones((5, 2), np.float32),
    "optimizer/shared.neck.classifier.weight/exp_avg": np.ones((5, 2), np.float32),
}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    data = RunData(root="/data", prepared="/data", dataset="regdb", identities=(2, 4, 6, 8, 10), trial=3)
    run = create_run(tmp_path / "run", settings.RELEASE, data, replace=False)
    run.save_checkpoint("last", TENSORS, CheckpointMeta(step=4, epoch=2, metrics={"mAP": 0.5}, best=0.5))
    return run


def test_a_name_tells_epoch_rank_1_and_map() -> None:
    config = RunConfig(framework="pytorch")
    assert weights_name(config, 7, 0.52314, 1).name == "epoch_07_rank1_52.31_mAP_100.00.safetensors"
    assert weights_name(config, 80, 0, 0.49796, best=True).name == "best_epoch_80_rank1_0.00_mAP_49.80.safetensors"
    assert weights_name(RunConfig(framework="mindspore"), 7, 0, 0).name == "epoch_07_rank1_0.00_mAP_0.00.ckpt"


def test_a_file_knows_its_run_and_leaves_the_optimiser_behind(tmp_path: Path, run: RunFolder) -> None:
    file = tmp_path / "kept.safetensors"
    keep_weights(run, "last", file)
    weights = load_weights(file)
    assert (weights.config, weights.data, weights.classes) == (run.config, run.data, 5)
    assert sorted(weights.tensors) == [name for name in TENSORS if not name.startswith("optimizer")]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["kept.safetensors"]


def test_a_ckpt_has_the_names_of_the_release_and_knows_its_run_from_what_lies_beside_it(
    tmp_path: Path, run: RunFolder
) -> None:
    norm = {f"shared.encoder.bn1.{name}": np.ones(2, np.float32) for name in ("weight", "running_mean")}
    run.save_checkpoint("last", TENSORS | norm, CheckpointMeta(step=4, epoch=2, metrics={}, best=None))
    file, beside = tmp_path / "kept.ckpt", tmp_path / "kept.json"
    keep_weights(run, "last", file)
    assert set(read_weights(file).tensors) == {
        "shared_backbone.base.conv1.weight",
        "shared_backbone.base.classifier.weight",
        "shared_backbone.base.bn1.gamma",
        "shared_backbone.base.bn1.moving_mean",
    }
    weights = load_weights(file)
    assert (weights.config, weights.data, weights.classes) == (run.config, run.data, 5)
    beside.write_text("{}")
    with pytest.raises(CheckpointError, match=r"kept\.json: expected the configuration that train.py wrote") as caught:
        load_weights(file)
    assert "\n" not in str(caught.value)
    beside.unlink()
    assert (load_weights(file).config, load_weights(file).data) == (None, None)
    keep_weights(run, "last", file)
    discard_weights(file)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def test_a_ckpt_has_the_order_of_the_release(golden: ReadGolden, tmp_path: Path, run: RunFolder) -> None:
    model = replace(settings.RELEASE.model, arch="resnet50")
    tensors = {name: np.ones(shape, np.float32) for name, shape in sorted(network_shapes(model, 5).items()) if shape}
    config = replace(run.config, model=model)
    run = create_run(tmp_path / "of resnet50", config, run.data, replace=False)
    run.save_checkpoint("last", tensors, CheckpointMeta(step=4, epoch=2, metrics={}, best=None))
    keep_weights(run, "last", tmp_path / "kept.ckpt")
    assert list(read_weights(tmp_path / "kept.ckpt").tensors) == golden("net_mvdms_params")["names"].tolist()


def test_a_run_and_a_checkpoint_in_it_are_weights_too(run: RunFolder) -> None:
    for path in (run.path, run.checkpoint("last")):
        weights = load_weights(path)
        assert (weights.file, weights.config, weights.data) == (run.checkpoint("last"), run.config, run.data)


def test_an_encoder_alone_is_not_the_whole_network(tmp_path: Path) -> None:
    file = tmp_path / "resnet.safetensors"
    save_file({"conv1.weight": np.ones((2, 3, 7, 7), np.float32), "bn1.weight": np.ones(2, np.float32)}, file)
    with pytest.raises(CheckpointError, match=r"whole MVD network, found a ResNet .*; encoders alone go to --pretrain"):
        load_weights(file)


@pytest.mark.parametrize("data", ["[" * 100_000, "[]", '{"identities": 3}', "data"])
def test_a_file_that_says_nonsense_of_its_run_is_one_line(tmp_path: Path, data: str) -> None:
    file = tmp_path / "odd.safetensors"
    metadata = {"config": to_json(settings.RELEASE), "data": data}
    save_file({name: array for name, array in TENSORS.items() if "/" not in name}, file, metadata=metadata)
    with pytest.raises(CheckpointError, match="expected to read in it what its weights were trained on") as caught:
        load_weights(file)
    assert "\n" not in str(caught.value)


def test_a_place_that_cannot_be_written_to_is_one_line(tmp_path: Path, run: RunFolder) -> None:
    with pytest.raises(CheckpointError, match=r"x\.safetensors: expected to write weights"):
        keep_weights(run, "last", tmp_path / "nowhere" / "x.safetensors")
