"""Exported programs: compared with PyTorch, run without it, told by their own metadata; bad ones are not kept."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image
from shell import TINY, mvd, printed, refused

from mvd.commands.weights.export import TOLERANCE, export
from mvd.data.images import load_image
from mvd.data.pictures import PictureArray
from mvd.errors import ConfigError
from mvd.inference.embedder import Embedder
from mvd.inference.onnx_models import normalise
from mvd.inference.onnx_network import OnnxNetwork
from mvd.runs import open_run
from mvd.training import engine

EXAMPLE = Path(__file__).parents[3] / "examples" / "onnx_search.py"
ONE = "sysu/all-search/single-shot/seeded"
QUICK = ("--schedule.epochs=1", "--evaluate=none")


@pytest.fixture(scope="module")
def run(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "mvd"
    assert mvd("train", people, "--out", out, *TINY, *QUICK) == 0
    return out


@pytest.fixture(scope="module")
def program(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("programs") / "mvd.onnx"
    assert mvd("export", run, "--out", file, "--measure", "some") == 0
    return file


@pytest.fixture
def exported_before(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the program again instead of exporting it, which takes seconds: for what comes after."""

    def export_again(*given: object, preprocessing: str, projection: object) -> None:
        shutil.copy(program, str(given[3]))

    monkeypatch.setattr(engine, "export", export_again)


@pytest.mark.usefixtures("exported_before")
def test_every_variant_is_measured_beside_pytorch(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "net.onnx"
    assert mvd("export", run, "--out", out, "--numbers", "fp32", "fp16", "int8", "--protocols", ONE) == 0
    text = printed(capsys)
    assert "compared on 36 test pictures of" in text
    for row in ("PyTorch", "ONNX fp32", "ONNX fp16", "ONNX int8"):
        assert f"{row} " in text
    assert sorted(file.name for file in out.parent.iterdir()) == ["net-fp16.onnx", "net-int8.onnx", "net.onnx"]
    types = {one.data_type for one in onnx.load(out.with_name("net-fp16.onnx")).graph.initializer}
    assert onnx.TensorProto.FLOAT16 in types
    steps = {node.op_type for node in onnx.load(out.with_name("net-int8.onnx")).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= steps
    for file in out.parent.iterdir():
        card = json.loads({p.key: p.value for p in onnx.load(file).metadata_props}["card"])
        tested = [one for one in card["figures"] if one["people"] == "test"]
        assert [one["protocol"] for one in tested] == [ONE]


def test_a_program_takes_any_number_of_pictures_and_tells_them_apart(run: Path, program: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5, 32, 16, 3), dtype=np.uint8)
    session = onnxruntime.InferenceSession(str(program))
    assert [(one.name, one.type, one.shape[1:]) for one in session.get_inputs()] == [
        ("pictures", "tensor(uint8)", [32, 16, 3])
    ]
    together = session.run(None, {"pictures": pictures})[0]
    single = np.concatenate([session.run(None, {"pictures": one[None]})[0] for one in pictures])
    np.testing.assert_allclose(single, together, atol=1e-5)
    opened = open_run(run)
    expected = engine.embed(opened.config, 3, opened.best_checkpoint, PictureArray(pictures))
    np.testing.assert_allclose(together, expected, atol=TOLERANCE)
    assert np.ptp(together, axis=0).max() > 0.01


def test_a_program_says_what_it_is(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = onnx.load(program)
    metadata = {one.key: one.value for one in model.metadata_props}
    assert set(metadata) == {"card", "config", "use", "numbers", "name", "data", "fingerprint"}
    use = json.loads(metadata["use"])
    assert use["inputs"]["pictures"]["shape"] == ["batch", 32, 16, 3]
    assert json.loads(metadata["card"])["recipe"].startswith("custom, from ")
    assert model.opset_import[0].version >= 17
    # The exporter notes lines of source with each step.
    assert str(Path(__file__).parents[3]).encode() not in program.read_bytes()
    assert mvd("show", program) == 0
    text = printed(capsys)
    assert "ONNX, opset 18" in text
    assert "sysu (people), 3 people of the split train" in text


@pytest.mark.parametrize(
    "recipe",
    ["agw", *(pytest.param(recipe, marks=pytest.mark.slow) for recipe in ("mvd-mindspore", "mvd-cvpr21", "baseline"))],
)
def test_every_network_there_is_can_be_exported(people: Path, tmp_path: Path, recipe: str) -> None:
    flags = ("--optimizer.lr=1e-3", "--data.train-on=train", *QUICK)
    assert mvd("train", people, "--recipe", recipe, "--out", tmp_path / "run", *TINY, *flags) == 0
    outcome = export(tmp_path / "run", measure=False)
    assert outcome.programs[0].difference < TOLERANCE
    inputs = [one.name for one in onnx.load(tmp_path / "run" / "mvd.onnx").graph.input]
    assert inputs == (["pictures", "modalities"] if recipe == "agw" else ["pictures"])


@pytest.mark.usefixtures("exported_before")
def test_rendered_pictures_stand_in_for_data_that_are_gone(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = shutil.copytree(run, tmp_path / "run")
    fields = json.loads((moved / "data.json").read_text())
    (moved / "data.json").write_text(json.dumps({**fields, "root": str(tmp_path / "gone")}))
    assert mvd("export", moved) == 0
    assert "compared on 24 rendered pictures, for" in printed(capsys)
    message = refused(capsys, "export", moved, "--out", tmp_path / "x.onnx", "--numbers", "int8")
    assert "expected training pictures to calibrate int8 on" in message
    assert not (tmp_path / "x-int8.onnx").exists()


@pytest.mark.usefixtures("exported_before")
@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda found: found + 2 * TOLERANCE, "expected the network's descriptors to 0.0001, found them 0.0002"),
        (lambda found: np.full_like(found, np.nan), "found them inf apart"),
    ],
)
def test_a_program_that_computes_something_else_is_not_kept(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    spoil: object,
    found: str,
) -> None:
    assert callable(spoil)
    embed = OnnxNetwork.embed
    monkeypatch.setattr(OnnxNetwork, "embed", lambda *given: spoil(embed(*given)))
    message = refused(capsys, "export", run, "--out", tmp_path / "x.onnx", "--measure", "some")
    assert found in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("exported_before")
def test_a_network_that_takes_all_pictures_for_the_same_is_not_kept(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine, "embed", lambda *_, **__: np.zeros((32, 4), np.float32))
    monkeypatch.setattr(OnnxNetwork, "embed", lambda *_: np.zeros((32, 4), np.float32))
    assert "found them all alike" in refused(capsys, "export", run, "--out", tmp_path / "x.onnx", "--measure", "some")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("exported_before")
def test_wrong_arguments_are_one_line(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "ends in .onnx" in refused(capsys, "export", run, "--out", tmp_path / "x.pth")
    assert "expected a run folder" in refused(capsys, "export", tmp_path)
    (tmp_path / "file").touch()
    blocked = refused(capsys, "export", run, "--out", tmp_path / "file" / "x.onnx", "--measure", "some")
    assert "expected to write a program" in blocked
    (tmp_path / "junk.onnx").write_bytes(b"\x08junk")
    assert "junk.onnx: expected an ONNX model" in refused(capsys, "show", tmp_path / "junk.onnx")


def test_a_missing_package_names_the_extra(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'mvd\[onnx\]'"):
        export(run)


def test_the_example_ranks_pictures_without_torch(program: Path, people: Path) -> None:
    pictures = [people / f"cam{camera}" / "0006" / "0001.jpg" for camera in (3, 1, 2)]
    pictures.append(people / "cam1" / "0008" / "0001.jpg")
    with Image.open(pictures[1]) as opened:  # as an infrared camera writes it, lying on its side
        levels, exif = np.asarray(opened.convert("L").rotate(90, expand=True)), Image.Exif()
    exif[0x0112] = 6
    pictures.append(people / "sixteen bits.png")
    Image.fromarray(28500 + levels.astype(np.uint16) * 12).save(pictures[-1], exif=exif)
    blocked = "import sys; sys.modules['torch'] = sys.modules['mvd'] = None; import runpy; sys.argv = sys.argv[1:]; "
    code = f"{blocked}runpy.run_path(sys.argv[0], run_name='__main__')"
    arguments = [sys.executable, "-c", code, EXAMPLE, program, *pictures]
    done = subprocess.run([str(one) for one in arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    scores = {Path(file): float(score) for score, file in (line.split("  ") for line in done.stdout.splitlines())}
    assert list(scores.values()) == sorted(scores.values(), reverse=True)
    loaded = np.stack([load_image(file, 32, 16, upright=True) for file in pictures])
    descriptors = OnnxNetwork(program).embed([loaded], np.zeros(5, np.int64))
    unit = descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)
    for file, expected in zip(pictures[1:], unit[1:] @ unit[0], strict=True):
        assert scores[file] == pytest.approx(expected, abs=1e-3)
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith(('"""', "    python"))]
    assert len(lines) <= 30


@pytest.mark.usefixtures("exported_before")
def test_a_run_in_bfloat16_is_exported_in_float32(run: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(run, tmp_path / "run")
    fields = json.loads((copied / "config.json").read_text())
    fields["runtime"]["precision"] = "bf16"
    (copied / "config.json").write_text(json.dumps(fields))
    assert open_run(copied).config.runtime.precision == "bf16"
    assert export(copied, measure=False).programs[0].difference < TOLERANCE


def test_preprocessing_is_outside_a_mirror_image_inside_and_nothing_of_the_training(
    people: Path, tmp_path: Path
) -> None:
    flags = ("--optimizer.ema=0.9", "--augment.streams=3", "--model.descriptor-flip")
    run = tmp_path / "run"
    assert mvd("train", people, "--recipe", "baseline", *TINY, *flags, *QUICK, "--out", run) == 0
    program = tmp_path / "model.onnx"
    assert mvd("export", run, "--out", program, "--preprocessing", "outside") == 0
    pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 16, 3), dtype=np.uint8)
    session = onnxruntime.InferenceSession(str(program))
    found, mirrored = (session.run(None, {"images": normalise(one)})[0] for one in (pictures, pictures[:, :, ::-1]))
    np.testing.assert_allclose(found, mirrored, atol=1e-5)
    expected = Embedder.from_pretrained(run, device="cpu")(pictures)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(OnnxNetwork(program).embed([pictures], np.zeros(2, np.int64)), found, atol=1e-5)
    assert "(pixel / 255 - mean) / std" in onnx.load(program).metadata_props[2].value


@pytest.mark.slow
def test_a_network_with_strips_is_exported(people: Path, tmp_path: Path) -> None:
    # Divided as a whole: a strip of next to no length would make much of rounding if it were divided by itself.
    strips = ("--model.strips=2", "--model.strip-width=16", "--model.pooling=gem", "--model.descriptor-norm=whole")
    flags = ("--recipe", "baseline", *TINY, *QUICK, "--model.non-local", *strips)
    assert mvd("train", people, "--out", tmp_path / "run", *flags) == 0
    outcome = export(tmp_path / "run", measure=False)
    assert outcome.programs[0].difference < TOLERANCE
