"""The sixteen scripts with MindSpore as the engine, each to its end; four of them without those marked slow."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import mindspore
import pytest
from fakes import write_regdb, write_tree
from original.sixteen import SEARCHES, TARGETS, copy_scripts, train_and_evaluate, write_resnet

from mvd.commands.data.prepare import prepare

pytestmark = pytest.mark.mindspore

SIXTEEN = [(*search, target) for search, target in product(SEARCHES, TARGETS)]
FEW = {("sysu", "all", "ascend"), ("regdb", "v2i", "gpu")}


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_resnet(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("dataset")
    prepare(write_tree(folder / "sysu"), height=32, width=16)
    return {"sysu": folder / "sysu", "regdb": write_regdb(folder / "regdb")}


@pytest.mark.parametrize(
    "search",
    [one if one in FEW else pytest.param(one, marks=pytest.mark.slow) for one in SIXTEEN],
    ids="-".join,
)
def test_scripts_train_and_evaluate_in_mindspore(
    tmp_path: Path, data: dict[str, Path], resnet: Path, search: tuple[str, str, str]
) -> None:
    scripts = copy_scripts(tmp_path / "my MVD")
    lines = train_and_evaluate(scripts, data[search[0]], resnet, search)
    # Chosen by itself: the device that is asked for, the CPU, is one of MindSpore's own.
    assert lines[0] == f"Framework: MindSpore {mindspore.__version__}, PYNATIVE_MODE"
    (best,) = scripts.glob("train_*/best_epoch_01_*.ckpt")
    assert best.with_suffix(".json").is_file()
