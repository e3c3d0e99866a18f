"""`mvd calibrate`: learnt on people whom the model was not trained on, kept with the model and passed on."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from fakes import write_tree
from shell import TINY, mvd, prepared_tree, printed, refused
from tiny_program import write_program

from mvd.commands.pictures.calibrate import calibrate
from mvd.commands.weights.export import _identify
from mvd.commands.weights.push import save_model
from mvd.data.identity import mark_people
from mvd.data.layouts import scan
from mvd.errors import ProtocolError
from mvd.gallery.verdicts import VERDICTS, Verdict, add_verdict
from mvd.inference import open_model
from mvd.runs import RunData


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared_tree(tmp_path_factory.mktemp("data") / "people", test=(6, 7, 8, 9), pictures=1)


@pytest.fixture(scope="module")
def run(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "night"
    # One encoder: exporting a network takes seconds for each.
    flags = ("--recipe", "baseline", *TINY, "--schedule.epochs=1", "--evaluate=none")
    assert mvd("train", people, "--out", out, *flags) == 0
    return out


def test_a_program_is_calibrated_without_torch_and_keeps_it(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = write_program(tmp_path / "tiny.onnx")
    assert mvd("calibrate", program, people) == 0
    captured = capsys.readouterr()
    assert "tiny: its training identities are unknown" in captured.err
    assert "6 people, few to calibrate on" in " ".join(captured.err.split())
    assert "calibrated on 6 held-out people of sysu (people), for tiny" in captured.out
    assert "infrared-visible" in captured.out
    kept = open_model(program).calibration
    assert kept is not None
    assert (kept.people, set(kept.pairs)) == (
        6, {"visible-visible", "visible-infrared", "infrared-visible", "infrared-infrared"}
    )  # fmt: skip
    # A person's colours are the same in all cameras: even a random projection tells them apart.
    assert kept.probability([0.999], 1, 0)[0] > 0.9 > 0.2 > kept.probability([0.5], 1, 0)[0]
    assert calibrate(program, people, people="validation").calibration.people == 2


def test_the_model_in_the_box_is_calibrated_in_a_copy(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "box").mkdir()
    monkeypatch.setattr("mvd.inference.models._BOX", tmp_path / "box")
    program = write_program(tmp_path / "box" / "rendered.onnx")
    shipped, copy = program.read_bytes(), tmp_path / "station.onnx"
    assert "rendered: expected --out FILE.onnx" in refused(capsys, "calibrate", "rendered", people)
    assert mvd("calibrate", "rendered", people, "--out", copy) == 0
    assert "station.onnx: calibrated on 6 held-out people" in printed(capsys)
    assert program.read_bytes() == shipped
    box, own = open_model("rendered"), open_model(copy)
    assert box.calibration is None
    assert own.calibration is not None
    assert own.identity.fingerprint == box.identity.fingerprint  # so galleries of the one accept the other
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["station.onnx"]
    assert "expected a name that ends in .onnx" in refused(
        capsys, "calibrate", "rendered", people, "--out", tmp_path / "station"
    )
    assert "a.onnx" in refused(capsys, "calibrate", "rendered", people, "--out", tmp_path / "none" / "a.onnx")


def test_people_whom_the_model_was_trained_on_are_refused(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = scan(people)
    known = RunData(
        root="", prepared="", dataset="sysu", identities=(6,), marks=tuple(mark_people(dataset, dataset.test))
    )
    program = write_program(tmp_path / "tiny.onnx", data=json.dumps(asdict(known)))
    message = refused(capsys, "calibrate", program, people)
    assert "expected test people whom it was not trained on, found 4 of 6" in message
    assert "calibrate it on other people" in message
    assert mvd("calibrate", program, people, "--people", "validation") == 0
    # Of a run that was trained on the validation people too, the test people are left.
    marks = tuple(mark_people(dataset, dataset.validation))
    both = write_program(tmp_path / "both.onnx", data=json.dumps(asdict(replace(known, marks=marks))))
    assert calibrate(both, people).calibration.people == 4


def test_a_run_keeps_projection_and_calibration_and_passes_them_on(
    run: Path, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = open_model(run, device="cpu")
    assert mvd("calibrate", run, people, "--width", "8", "--device", "cpu") == 0
    assert f"embeddings are projected from {plain.width} to 8 numbers" in printed(capsys)
    calibrated = open_model(run, device="cpu")
    assert calibrated.width == 8
    assert calibrated.calibration is not None

    program = tmp_path / "mvd.onnx"
    assert mvd("export", run, "--out", program, "--measure", "some") == 0
    exported = open_model(program)
    assert exported.identity == calibrated.identity
    assert exported.calibration == calibrated.calibration
    pictures = [str(people / f"cam{camera}" / "0006" / "0001.jpg") for camera in (1, 2, 3)]
    np.testing.assert_allclose(exported(pictures), calibrated(pictures), atol=1e-4)
    assert exported.trained_on is not None
    assert (exported.trained_on.root, exported.trained_on.people) == ("", ())
    fingerprint = exported.identity.fingerprint
    assert _identify("fp16", fingerprint, exported.calibration)["fingerprint"] == fingerprint
    integers = _identify("int8", fingerprint, exported.calibration)  # another model's, to be calibrated by itself
    assert integers.keys() == {"fingerprint"}
    assert integers["fingerprint"] != fingerprint

    save_model(run, tmp_path / "model", "me/net")
    pushed = open_model(tmp_path / "model", device="cpu")
    assert pushed.identity.fingerprint == calibrated.identity.fingerprint
    assert pushed.calibration == calibrated.calibration

    assert calibrate(run, people, width=0, device="cpu").kept is None
    whole = open_model(run, device="cpu")
    assert whole.identity == plain.identity
    assert whole.calibration is not None
    assert not (run / "projection.safetensors").exists()


def test_a_run_is_not_copied(run: Path, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, "calibrate", run, people, "--out", tmp_path / "night.onnx")
    assert "expected an ONNX file to copy, found best.safetensors; leave --out out" in message


def test_a_calibration_that_fails_leaves_the_model_as_it_was(
    run: Path, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With another projection it would no longer fit the galleries that it embedded."""
    own = tmp_path / "own"
    shutil.copytree(run, own)
    calibrate(own, people, width=8, device="cpu")
    before = open_model(own, device="cpu")

    def fail(*_: object, **__: object) -> None:
        raise ProtocolError("too few people")

    monkeypatch.setattr("mvd.commands.pictures.calibrate.learn_calibration", fail)
    for width in (4, 0):
        with pytest.raises(ProtocolError, match="too few people"):
            calibrate(own, people, width=width, device="cpu")
        after = open_model(own, device="cpu")
        assert after.identity == before.identity
        assert after.calibration == before.calibration is not None
    monkeypatch.undo()
    done = calibrate(own, people, width=4, device="cpu")
    after = open_model(own, device="cpu")
    assert after.identity == done.model != before.identity
    assert after.calibration == done.calibration
    assert calibrate(own, people, width=0, device="cpu").model == open_model(own, device="cpu").identity


def test_wrong_arguments_are_one_line(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = write_program(tmp_path / "tiny.onnx")
    assert "expected" in refused(capsys, "calibrate", program, tmp_path / "nowhere")
    assert "found neither" in refused(capsys, "calibrate", tmp_path / "none.onnx", people)
    alone = write_tree(tmp_path / "alone", val=(), test=(6,), pictures=1)
    with pytest.raises(ProtocolError, match="expected at least two people"):
        calibrate(program, alone)


def test_verdicts_of_a_gallery_move_the_slope_alone(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = write_program(tmp_path / "tiny.onnx")
    plain = calibrate(program, people).calibration
    gallery = tmp_path / "station"
    gallery.mkdir()
    rng = np.random.default_rng(0)
    for number in range(60):
        similarity = float(rng.uniform(0.4, 1))
        verdict = Verdict(
            model=plain.model,
            query=f"query {number // 3}",
            pictures=1,
            row=f"{number:016x}",
            similarity=similarity,
            query_modality=1,
            gallery_modality=0,
            same=bool(rng.random() < 1 / (1 + np.exp(-8 * (similarity - 0.7)))),
        )
        add_verdict(gallery, verdict)
    for other in (replace(verdict, row="a" * 16, model="another"), replace(verdict, row="b" * 16, pictures=2)):
        add_verdict(gallery, other)
    capsys.readouterr()
    assert mvd("calibrate", program, people, "--verdicts", gallery) == 0
    captured = capsys.readouterr()
    assert "1 of 62 verdicts left out: on similarities of another model" in " ".join(captured.err.split())
    assert "1 of 62 verdicts left out: on searches with several pictures" in " ".join(captured.err.split())
    assert "verdicts of fewer than 10 queries" in " ".join(captured.out.split()).lower()
    kept = open_model(program).calibration
    assert kept is not None
    asked, unasked = kept.pairs["infrared-visible"], plain.pairs["infrared-visible"]
    assert asked.judged == 60
    assert 0 < asked.slope < unasked.slope
    assert replace(asked, slope=0, offset=0, judged=0) == replace(unasked, slope=0, offset=0)
    assert kept.threshold(0.01, 100, 1, 0) == plain.threshold(0.01, 100, 1, 0)
    others = {name: pair for name, pair in plain.pairs.items() if name != "infrared-visible"}
    assert {name: pair for name, pair in kept.pairs.items() if name != "infrared-visible"} == others

    (gallery / VERDICTS).unlink()
    assert mvd("calibrate", program, people, "--verdicts", gallery) == 0
    assert "nothing has been marked" in " ".join(capsys.readouterr().err.split())
    assert open_model(program).calibration == plain
    assert "expected the folder of a gallery" in refused(
        capsys, "calibrate", program, people, "--verdicts", tmp_path / "nowhere"
    )
