"""The original's programs in MindSpore: the first line of the log, .ckpt files, and a run that goes on in PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import mindspore
import pytest
from fakes import write_tree
from original.programs import make_release_tiny

from mvd.commands.data.prepare import prepare
from mvd.original import evaluation, training
from mvd.weights import read_weights, recognise

if TYPE_CHECKING:
    from conftest import ReadGolden

pytestmark = pytest.mark.mindspore

SMALL = ("--device_target", "CPU", "--batch_size", "3", "--num_pos", "2", "--print_per_step", "1", "--save_period", "1")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_release_tiny(monkeypatch, height=64, width=32)
    prepare(write_tree(tmp_path / "sysu"), height=64, width=32)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_train_and_eval_compute_in_mindspore_and_leave_ckpt_files(
    here: Path, golden: ReadGolden, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--data_path", str(here / "sysu"), *SMALL, "--epoch", "1"]
    assert training.main([*given, "--MSmode", "GRAPH_MODE"]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0] == f"Framework: MindSpore {mindspore.__version__}, GRAPH_MODE"
    assert "Device: cpu" in printed
    kept, best = sorted(here.glob("epoch_01_*.ckpt")), sorted(here.glob("best_epoch_01_*.ckpt"))
    assert (len(kept), len(best)) == (1, 1)
    assert not list(here.glob("*.safetensors"))
    # What MindSpore's own loader reads has the names of the release.
    loaded = mindspore.load_checkpoint(str(best[0]))
    naming = recognise(loaded)
    assert naming is not None
    assert naming.title == "MVD's MindSpore release"
    released = golden("net_mvdms_params")["names"].tolist()  # of a ResNet-50, which has more blocks
    assert list(loaded) == [name for name in released if name in loaded]
    assert {name: one.asnumpy().shape for name, one in loaded.items()} == {
        name: one.shape for name, one in read_weights(best[0]).tensors.items()
    }
    result = [line for line in printed.splitlines() if line.startswith("Original Observation")][-1]

    for framework, first in (
        ("mindspore", f"Framework: MindSpore {mindspore.__version__}, PYNATIVE_MODE"),
        ("pytorch", "Framework: PyTorch"),
    ):
        arguments = ["--resume", str(best[0]), "--data_path", str(here / "sysu"), "--device_target", "CPU"]
        assert evaluation.main([*arguments, "--framework", framework, "--MSmode", "PYNATIVE_MODE"]) == 0
        printed = capsys.readouterr().out
        assert printed.splitlines()[0].startswith(first)
        assert result in printed
