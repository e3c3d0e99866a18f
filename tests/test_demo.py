"""The demo: its course on a tiny scale, and, slowly, what it promises."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from shell import refused

from mvd.cli import main
from mvd.commands.training import demo as demo_command
from mvd.commands.training.demo import demo
from mvd.config import CosineSchedule, DataConfig, ModelConfig, SamplingConfig
from mvd.config.recipes import DEMO
from mvd.errors import RunError
from mvd.files.locks import folder_locked


@contextlib.contextmanager
def sizes() -> Iterator[None]:
    """Make the demo a matter of seconds."""
    config = replace(
        DEMO,
        data=DataConfig(height=32, width=16),
        sampling=SamplingConfig(identities=2, pictures=2, steps_per_epoch=2),
        model=ModelConfig(arch="resnet18", base_width=2, bottleneck_widths=(8, 8), z_dim=8, classifier_width=8),
        schedule=CosineSchedule(epochs=1),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_command, "DEMO", config)
        for name, number in {"TRAIN": 3, "VALIDATION": 2, "TEST": 3, "HEIGHT": 64}.items():
            patch.setattr(demo_command, name, number)
        yield


@pytest.fixture
def tiny() -> Iterator[None]:
    with sizes():
        yield


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A demo's folder, and what it printed."""
    out, printed = tmp_path_factory.mktemp("shown") / "demo", io.StringIO()
    with sizes(), contextlib.redirect_stdout(printed):
        assert main(["demo", str(out)]) == 0
    return out, printed.getvalue()


def test_the_demo_ends_with_both_networks_figures_and_what_to_try(shown: tuple[Path, str]) -> None:
    out, printed = shown
    lines = printed.splitlines()
    rows = [line.split()[0] for line in lines if line.strip().startswith(("untrained", "trained"))]
    assert rows == ["untrained", "trained", "untrained", "trained"]
    assert any(f" evaluate {out / 'run'} --protocols" in line for line in lines)
    assert (out / "people.png").exists()
    assert (out / "run" / "checkpoints" / "best.safetensors").exists()


@pytest.mark.usefixtures("tiny")
def test_a_demo_is_replaced_only_with_the_flag(shown: tuple[Path, str], tmp_path: Path) -> None:
    out = shutil.copytree(shown[0], tmp_path / "demo")
    with pytest.raises(RunError, match="--replace"):
        demo(out, 0)
    assert demo(out, 1, replace_old=True) is not None


@pytest.mark.usefixtures("tiny")
def test_a_demo_that_is_running_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demo"
    out.mkdir()
    (out / "demo.json").write_text('{"seed": 0}')
    with folder_locked(out):
        assert "expected no other process at work on it, found one" in refused(capsys, "demo", out, "--replace")
    assert [file.name for file in out.iterdir()] == ["demo.json"]


def test_a_folder_that_is_no_demo_is_never_deleted(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(RunError, match="found something else"):
        demo(tmp_path, 0, replace_old=True)
    assert (tmp_path / "thesis.tex").exists()


@pytest.mark.slow
def test_the_demo_gains_thirty_points_of_rank_1_on_people_never_seen(tmp_path: Path) -> None:
    outcome = demo(tmp_path / "demo", 0)
    assert outcome is not None
    untrained, trained = outcome.untrained[0], outcome.trained[0]
    assert untrained.protocol == trained.protocol == "sysu/all-search/single-shot/official"
    assert trained.mean.rank_1 - untrained.mean.rank_1 >= 0.3
