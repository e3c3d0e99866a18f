"""What a file of weights is, on the screen and as JSON: ours in full, others as far as they are known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from fakes import write_regdb
from shell import SIZE, TINY, mvd, printed, refused
from weights.helpers import SAMPLES, resnet_shapes

from mvd.commands.weights.show import show
from mvd.errors import CheckpointError
from mvd.inference import open_model
from mvd.runs import open_run
from mvd.weights import read_weights, write_weights


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on RegDB's third trial, which has test figures."""
    data = write_regdb(tmp_path_factory.mktemp("data") / "RegDB", people=8)
    out = tmp_path_factory.mktemp("runs") / "run"
    assert mvd("prepare", data, *SIZE, "--trial", "3") == 0
    assert mvd("train", data, "--data.trial", "3", "--seed", "4", "--out", out, *TINY) == 0
    return out


def test_a_checkpoint_of_ours_is_shown_with_its_card(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert mvd("show", run) == 0
    text = printed(capsys)
    for part in (
        "MVD, three encoders, resnet18 with a base width of 2, information bottlenecks, 4 people, names of ours",
        "custom, from ",
        "regdb (RegDB), trial 3, 4 people of the split train",
        "seed 4",
        "4 steps, 2 epochs",
        "code: Apache-2.0",
    ):
        assert part in text, part


def test_json_holds_all_of_it(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    file = run / "checkpoints" / "last.safetensors"
    assert mvd("show", file, "--format", "json") == 0
    fields = json.loads(capsys.readouterr().out)
    assert fields["size"] == file.stat().st_size
    assert fields["card"]["trial"] == 3
    assert fields["card"]["split"] == "train"
    tested = [one for one in fields["card"]["figures"] if one["people"] == "test"]
    assert {one["protocol"] for one in tested} == {
        "regdb/visible-to-thermal/trial-3",
        "regdb/thermal-to-visible/trial-3",
    }
    assert fields["tensors"]["shared.encoder.conv1.weight"] == ["float32", [2, 3, 7, 7]]
    assert any(name.startswith("optimizer/") for name in fields["tensors"])


def test_converted_weights_say_where_they_come_from(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best = run / "checkpoints" / "best.safetensors"
    if not best.exists():
        best = run / "checkpoints" / "last.safetensors"
    assert mvd("convert", best, tmp_path / "a.ckpt", "--to", "mindspore") == 0
    assert mvd("convert", tmp_path / "a.ckpt", tmp_path / "b.safetensors", "--to", "mvd") == 0
    assert mvd("convert", best, tmp_path / "c.safetensors", "--to", "mvd") == 0
    capsys.readouterr()
    assert mvd("show", tmp_path / "a.ckpt") == 0
    text = printed(capsys)
    assert "MindSpore .ckpt" in text
    assert "names of MVD's MindSpore release" in text
    assert "model card none" in text
    assert mvd("show", tmp_path / "b.safetensors") == 0
    assert "converted from a.ckpt, MVD's MindSpore release" in printed(capsys)
    # Ours stays ours.
    assert show(tmp_path / "c.safetensors").card is not None
    assert mvd("show", tmp_path / "c.safetensors") == 0
    assert "seed 4" in printed(capsys)


def test_foreign_files_are_described_as_far_as_they_are_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shapes = resnet_shapes("resnet18", 4) | {"fc.weight": (10, 32)}
    torch.save({name: torch.zeros(shape) for name, shape in shapes.items()}, tmp_path / "resnet.pth")
    torch.save({"blocks.0.weight": torch.zeros(3)}, tmp_path / "other.pth")
    assert show(tmp_path / "resnet.pth").network == (
        "a ResNet alone, resnet18 with a base width of 4, names of a ResNet of torchvision or timm"
    )
    assert mvd("show", tmp_path / "other.pth", "--tensors") == 0
    text = printed(capsys)
    assert "PyTorch, by torch.save" in text
    assert "unknown parameter names" in text
    assert "blocks.0.weight float32 [3]" in text
    with np.load(SAMPLES / "sample.npz") as arrays:
        weights = {name: (str(arrays[name].dtype), arrays[name].shape) for name in arrays.files if ".weight" in name}
    shown = show(SAMPLES / "sample.ckpt")
    assert weights.items() <= shown.tensors.items()
    assert shown.numbers > sum(int(np.prod(shape)) for _, shape in weights.values())


def test_what_is_no_weights_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "page.pth").write_bytes(b"<html>")
    assert "found a web page" in refused(capsys, "show", tmp_path / "page.pth")
    assert "no such file" in refused(capsys, "show", tmp_path / "none.pth")
    assert "expected a model with model.safetensors in it, or a run folder" in refused(capsys, "show", tmp_path)
    assert "an encrypted file" in refused(capsys, "show", SAMPLES / "sample_enc.ckpt")


def test_a_safetensors_file_that_begins_like_onnx_is_none(tmp_path: Path) -> None:
    """The length of its header may have the byte 08 first, as the version of an ONNX program."""
    for padding in range(512):
        write_weights(tmp_path / "a.safetensors", {"a" * (1 + padding): np.zeros(2)}, "safetensors")
        if (tmp_path / "a.safetensors").read_bytes()[0] == 8:
            break
    assert (tmp_path / "a.safetensors").read_bytes()[0] == 8
    assert show(tmp_path / "a.safetensors").format == "safetensors"


def test_an_onnx_program_whose_ninth_byte_is_a_brace_is_one(tmp_path: Path) -> None:
    node = onnx.helper.make_node("Identity", ["x"], ["y"], doc_string="")
    node.doc_string = "d" * (0x7B - node.ByteSize() - 2)
    program = onnx.ModelProto(ir_version=10, graph=onnx.GraphProto(node=[node], doc_string="d" * 2**21))
    program.opset_import.append(onnx.helper.make_opsetid("", 18))
    data = program.SerializeToString()
    assert (data[:1], data[8:9]) == (b"\x08", b"{")
    (tmp_path / "a.onnx").write_bytes(data)
    assert show(tmp_path / "a.onnx").format == "ONNX, opset 18"


def test_a_program_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"\x08\x0a")
    with pytest.raises(CheckpointError, match=r"a\.onnx: expected an ONNX model, found none in it"):
        show(tmp_path / "a.onnx")
    with pytest.raises(CheckpointError, match="found an ONNX program; take the weights"):
        read_weights(tmp_path / "a.onnx")


def test_the_model_in_the_box_is_shown_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert mvd("show", "rendered") == 0
    text = printed(capsys)
    for part in (
        "rendered.onnx",
        "trained on rendered, 5,000 people",
        "input pictures uint8 (batch, 128, 64, 3), 0 to 255, RGB",
        "calibrated on 200 people",
        "infrared-visible as likely as not from 0.",
        "What it is not good for",
    ):
        assert part in text, part
    assert "{" not in text
    assert mvd("show", "rendered", "--format", "json") == 0
    fields = json.loads(capsys.readouterr().out)
    assert fields["calibration"]["people"] == 200
    assert json.loads(fields["notes"]["data"])["dataset"] == "rendered"
    (tmp_path / "rendered").write_bytes(b"mine")
    assert "rendered: expected weights of" in refused(capsys, "show", "rendered")


def test_the_folder_of_a_model_and_a_calibration_beside_weights(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model"
    assert mvd("push", run, model, "--local") == 0
    assert mvd("show", model) == 0
    assert "calibrated on" not in printed(capsys)
    assert mvd("calibrate", model, Path(open_run(run).data.root)) == 0
    capsys.readouterr()
    assert mvd("show", model) == 0
    assert "calibrated on 4 people: 4 held-out people of regdb (RegDB)" in printed(capsys)
    other = open_model(model, device="cpu").calibration
    assert other is not None
    (model / "calibration.json").write_text(replace(other, model="0" * 64).to_json())
    assert mvd("show", model) == 0
    assert "calibrated on" not in printed(capsys)
