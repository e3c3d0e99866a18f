"""`open_model`: whatever a network is kept as, it is the same function; what is kept with it belongs to its weights."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image
from tiny_program import SIZE, WIDTH, write_program

from mvd.config import DataConfig, ModelConfig, RunConfig, RuntimeConfig
from mvd.data.pictures import Pictures
from mvd.errors import CheckpointError, ConfigError, DatasetError
from mvd.inference import models, open_model
from mvd.inference.embedder import Embedder
from mvd.inference.kept import keep_calibration, keep_projection, kept_projection
from mvd.inference.models import open_whole
from mvd.inference.onnx_metadata import read_metadata, update_metadata
from mvd.inference.torch_model import TorchModel
from mvd.metrics.calibration import Calibration, learn_calibration
from mvd.metrics.projection import learn_projection
from mvd.models.factory import build_network
from mvd.models.state import network_tensors
from mvd.runs import Card, RunData
from mvd.runs.checkpoints import write_checkpoint
from mvd.weights.load import UNTRAINED

PICTURES = np.random.default_rng(0).integers(0, 256, (6, *SIZE, 3), dtype=np.uint8)
LARGE = np.random.default_rng(0).integers(0, 256, (9, 32, 16, 3), dtype=np.uint8)


def calibration(fingerprint: str) -> Calibration:
    people, rng = np.repeat(np.arange(8), 4), np.random.default_rng(0)
    vectors = rng.normal(size=(8, 5))[people] + 0.3 * rng.normal(size=(32, 5))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return learn_calibration(vectors, people, np.tile([0, 1], 16), model=fingerprint, data="drawn")


@pytest.fixture(scope="module")
def checkpoint(tiny: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network, config = build_network(tiny, 3), RunConfig(model=tiny, data=DataConfig(height=32, width=16))
    file = tmp_path_factory.mktemp("weights") / "net.safetensors"
    write_checkpoint(file, network_tensors(network), UNTRAINED, config=config, card=Card(), people="", remedy="")
    return file


@pytest.fixture
def copied(checkpoint: Path, tmp_path: Path) -> Path:
    file = tmp_path / "net.safetensors"
    file.write_bytes(checkpoint.read_bytes())
    return file


def test_a_program_gives_unit_vectors_of_any_form_of_picture(tmp_path: Path) -> None:
    model = open_model(write_program(tmp_path / "a.onnx"), batch=4)
    assert (model.size, model.width, model.calibration) == (SIZE, WIDTH, None)
    assert (model.identity.name, model.identity.fingerprint) == ("tiny", "0" * 64)
    found = model(PICTURES)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    session = onnxruntime.InferenceSession(str(tmp_path / "a.onnx"))
    raw = session.run(None, {"pictures": PICTURES})[0]
    np.testing.assert_allclose(found, raw / np.linalg.norm(raw, axis=1, keepdims=True), atol=1e-5)
    files = []
    for number, pixels in enumerate(PICTURES):
        files.append(tmp_path / f"{number}.png")
        Image.fromarray(pixels).save(files[-1])
    for same in (files, [Image.open(file) for file in files], PICTURES.transpose(0, 3, 1, 2), list(PICTURES)):
        np.testing.assert_allclose(model(same), found, atol=1e-5)
    np.testing.assert_allclose(model(files[2]), found[2:3], atol=1e-5)
    assert model([]).shape == (0, WIDTH)
    with pytest.raises(
        DatasetError, match=r"pictures: expected \(N, 8, 4, 3\) or \(N, 3, 8, 4\), found \(2, 9, 4, 3\)"
    ):
        model(np.zeros((2, 9, 4, 3), np.uint8))
    with pytest.raises(DatasetError, match="expected uint8, 0 to 255, found float64"):
        model(np.zeros((2, *SIZE, 3)))  # type: ignore[arg-type]


def test_an_older_program_is_known_by_its_bytes(tmp_path: Path) -> None:
    one, other = write_program(tmp_path / "a.onnx"), write_program(tmp_path / "b.onnx", seed=1)
    for file in (one, other):
        model = onnx.load(str(file))
        texts = {entry.key: entry.value for entry in model.metadata_props if entry.key == "use"}
        onnx.helper.set_model_props(model, texts)
        onnx.save(model, str(file))
    fingerprints = {open_model(file).identity.fingerprint for file in (one, other, one)}
    assert len(fingerprints) == 2
    assert all(len(one) == 64 for one in fingerprints)


def test_a_calibration_is_put_into_a_program_without_changing_what_it_computes(tmp_path: Path) -> None:
    file = write_program(tmp_path / "a.onnx")
    before = open_model(file)(PICTURES)
    for _ in range(2):
        keep_calibration(file, calibration("0" * 64))
    opened = open_model(file)
    assert opened.calibration == calibration("0" * 64)
    np.testing.assert_array_equal(opened(PICTURES), before)
    loaded = onnx.load(str(file))
    onnx.checker.check_model(loaded)
    assert sorted(one.key for one in loaded.metadata_props) == ["calibration", "fingerprint", "name", "use"]
    update_metadata(file, {"fingerprint": "1" * 64})
    assert read_metadata(file).texts["name"] == "tiny"
    assert open_model(file).calibration is None  # of other weights


def test_a_checkpoint_gives_the_embedders_vectors_scaled_to_length_1(checkpoint: Path) -> None:
    model = open_model(checkpoint, device="cpu")
    embedder = Embedder.from_pretrained(checkpoint, device="cpu")
    raw = embedder(LARGE)
    np.testing.assert_allclose(model(LARGE), raw / np.linalg.norm(raw, axis=1, keepdims=True), atol=1e-6)
    assert (model.identity.name, model.width, model.size) == ("net", raw.shape[1], (32, 16))
    assert model.identity.fingerprint == embedder.fingerprint
    assert model.trained_on is None


def test_a_fingerprint_is_of_weights_and_of_what_is_computed_with_them(checkpoint: Path, copied: Path) -> None:
    first = open_model(checkpoint, device="cpu").identity.fingerprint
    assert open_model(copied, device="cpu").identity.fingerprint == first
    config = Embedder.from_pretrained(checkpoint, device="cpu").config
    torch.manual_seed(1)
    seen = {first}
    for model, seed in ((replace(config.model, descriptor_norm="whole"), 0), (config.model, 1)):
        torch.manual_seed(seed)
        tensors = network_tensors(build_network(model, 3))
        changed = replace(config, model=model)
        write_checkpoint(copied, tensors, UNTRAINED, config=changed, card=Card(), people="", remedy="")
        seen.add(open_model(copied, device="cpu").identity.fingerprint)
    assert len(seen) == 3


def test_a_projection_is_applied_where_it_is_of_these_weights(checkpoint: Path, copied: Path) -> None:
    whole = open_model(copied, device="cpu")
    projection = learn_projection(whole(LARGE), 4)
    keep_projection(copied, whole.identity.fingerprint, projection)
    narrow = open_model(copied, device="cpu")
    assert narrow.width == 4
    assert narrow.identity.fingerprint != whole.identity.fingerprint
    np.testing.assert_allclose(narrow(LARGE), projection(whole(LARGE)), atol=1e-6)
    assert open_whole(copied, device="cpu").identity == whole.identity
    keep_calibration(copied, calibration(narrow.identity.fingerprint))
    assert open_model(copied, device="cpu").calibration is not None
    assert open_whole(copied, device="cpu").calibration is None
    assert kept_projection(copied, "of other weights") is None
    (copied.parent / "net.projection.safetensors").write_bytes(b"junk")
    with pytest.raises(
        CheckpointError, match=r"net\.projection\.safetensors: expected a projection that mvd calibrate"
    ):
        open_model(copied, device="cpu")


def test_the_model_in_the_box_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(models, "_BOX", tmp_path / "box")
    with pytest.raises(CheckpointError, match="rendered: expected the model in the box, this installation has none"):
        open_model("rendered")
    known = RunData(root="", prepared="", dataset="own", identities=(1, 2), marks=("a",))
    write_program(tmp_path / "box" / "rendered.onnx", name="other", data=json.dumps(asdict(known)))
    opened = open_model("rendered")
    assert opened.identity.name == "rendered"
    assert opened.trained_on == known


def test_what_is_no_network_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"\x08junk")
    (tmp_path / "b.txt").write_text("hello")
    for name in ("a.onnx", "b.txt"):
        with pytest.raises(CheckpointError, match=rf"{name}: expected") as caught:
            open_model(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="precision: expected one of auto, fp32, tf32, bf16, found 'int4'"):
        TorchModel(tmp_path / "c", name="c", precision="int4")


def test_the_batch_is_of_the_device_unless_it_is_given(
    checkpoint: Path, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def record(network: object, runtime: RuntimeConfig, pictures: Pictures, *_: object) -> npt.NDArray[np.float32]:
        sizes.append(runtime.embed_batch)
        return np.ones((len(pictures), 2), np.float32)

    monkeypatch.setattr("mvd.inference.embedder.embed_pictures", record)
    height, width = open_model(checkpoint).size
    for batch in (0, 7):
        open_model(checkpoint, device="cpu", batch=batch)(np.zeros((3, height, width, 3), np.uint8))
        assert sizes[-1] == batch
    for source in (checkpoint, copied):
        with pytest.raises(ConfigError, match="batch: expected 0 or more, found -1"):
            open_model(source, batch=-1)
