"""`mvd train`, `evaluate`, `embed`, `calibrate` and `export` in MindSpore, as they are typed, beside PyTorch's."""

from __future__ import annotations

import json
from pathlib import Path

import mindspore
import numpy as np
import numpy.typing as npt
import pytest
from mindspore import Tensor, nn
from shell import TINY, mvd, prepared_tree, refused

from mvd.commands.pictures.embed import embed
from mvd.data.images import load_image
from mvd.inference import open_model

pytestmark = pytest.mark.mindspore

ONE_BRANCH = ("--model.encoders=shared", "--losses.vsd-weight=0", "--losses.vcd-weight=0", "--losses.vml-weight=0")


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared_tree(tmp_path_factory.mktemp("data") / "people", test=(6, 7, 8, 9), pictures=1)


@pytest.fixture(scope="module")
def run(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "night"
    flags = (*TINY, *ONE_BRANCH, "--schedule.epochs=1", "--runtime.compile=False", "--evaluate=none")
    assert mvd("train", people, "--framework=mindspore", "--out", out, *flags) == 0
    return out


def loaded(file: Path) -> npt.NDArray[np.float32]:
    with np.load(file) as arrays:
        found: npt.NDArray[np.float32] = arrays["vectors"]
        return found


def test_figures_and_embeddings_are_pytorchs(
    people: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures, files = {}, {}
    for framework in ("mindspore", "pytorch"):
        capsys.readouterr()
        assert mvd("evaluate", run, "--framework", framework, "--format=json") == 0
        out = capsys.readouterr()
        figures[framework] = json.loads(out.out)
        assert ("the run was trained with mindspore" in out.err) == (framework == "pytorch")
        files[framework] = tmp_path / f"{framework}.npz"
        assert mvd("embed", run, people / "cam1", "--framework", framework, "--out", files[framework]) == 0
    assert figures["mindspore"] == figures["pytorch"]
    ours, theirs = (loaded(files[framework]) for framework in files)
    assert ours.shape == theirs.shape
    assert len(ours) == 9
    assert np.abs(ours - theirs).max() < 1e-4


def test_a_mindir_program_has_the_projection_in_it(people: Path, run: Path, tmp_path: Path) -> None:
    assert mvd("calibrate", run, people, "--width=8") == 0
    program = tmp_path / "night.mindir"
    assert mvd("export", run, "--format=mindir", "--out", program, "--batch=5", "--measure=some") == 0
    pictures = sorted((people / "cam1").rglob("*.jpg"))[:5]
    model = open_model(run, framework="mindspore", device="cpu")
    expected = embed(model, pictures, modality="visible").vectors
    assert expected.shape == (5, 8)
    # As anyone loads it, without this package.
    network = nn.GraphCell(mindspore.load(str(program)))
    given = np.stack([load_image(file, *model.size) for file in pictures])
    found = network(Tensor(given)).asnumpy()
    assert np.abs(found - expected).max() < 1e-4
    beside = json.loads(program.with_name("night.mindir.json").read_text())
    assert beside["fingerprint"] == model.identity.fingerprint
    assert "calibration" in beside


@pytest.mark.parametrize("recipe", ["agw", "caj", "mvd-strong", "mvd-strong-small"])
def test_a_recipe_that_is_not_there_is_refused_before_anything_is_written(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], recipe: str
) -> None:
    flags = ("--recipe", recipe, "--data.height=32", "--data.width=16", "--framework=mindspore")
    line = refused(capsys, "train", people, *flags, "--out", tmp_path / "run")
    assert "model." in line
    assert "take --framework pytorch" in line
    assert not (tmp_path / "run").exists()


def test_what_does_not_go_together_is_one_line(
    run: Path, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(capsys, "export", run, "--format=onnx", "--framework=mindspore")
    assert "expected mindir with framework mindspore, found onnx, which pytorch writes" in line
    line = refused(capsys, "export", run, "--format=mindir", "--numbers", "fp32", "int8")
    assert "expected fp32 with format mindir, found fp32, int8" in line
    out = tmp_path / "a.npz"
    line = refused(capsys, "embed", run, people, "--framework=mindspore", "--device=cuda", "--out", out)
    assert "MindSpore's GPU plugins stopped at CUDA 11.6" in line
    line = refused(capsys, "embed", run, people, "--framework=mindspore", "--precision=bf16", "--out", out)
    assert "precision: expected auto or fp32 with framework mindspore, found bf16" in line
    (tmp_path / "night.mindir").write_bytes(b"not read")
    line = refused(capsys, "embed", tmp_path / "night.mindir", people, "--out", out)
    assert "night.mindir: expected" in line
    assert not out.exists()
