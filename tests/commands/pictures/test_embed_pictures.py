"""`mvd embed` and `mvd.embed`: embeddings of own pictures, whatever is wrong with some of them, killed or not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from fakes import write_lines, write_picture
from same_embeddings import assert_equal
from shell import mvd as run_mvd
from shell import refused
from tiny_program import WIDTH, write_program
from without_torch import BLOCKED

import mvd
from mvd.commands.pictures import embed as embedding
from mvd.commands.pictures import embed_file
from mvd.commands.pictures.embed import embed_chunks
from mvd.commands.pictures.embed_file import embed_to_file
from mvd.data.own.reading import read_picture
from mvd.errors import BusyError, DatasetError, RunError
from mvd.files.locks import name_locked
from mvd.inference import open_model
from mvd.inference.identity import Identified
from mvd.results.embeddings import concatenate, read_embeddings, write_embeddings

COUNT = 11


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return write_program(tmp_path / "tiny.onnx")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(COUNT):
        write_picture(tmp_path / "photos" / ("ir" if number % 2 else "park") / f"{number:02d}.jpg", number)
    return tmp_path / "photos"


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed_file, "CHUNK", 4)


def test_embeddings_are_those_of_the_model_with_what_is_known_of_each_picture(program: Path, photos: Path) -> None:
    found = mvd.embed(program, photos)
    assert len(found) == COUNT
    assert found.model == open_model(program).identity
    for row, path in enumerate(found.paths):
        pixels = read_picture(Path(path), 8, 4).pixels
        np.testing.assert_allclose(found.vectors[row], open_model(program)(pixels)[0], atol=1e-6)
    told = {(Path(path).parent.name, source) for path, source in zip(found.paths, found.modality_sources, strict=True)}
    assert told == {("ir", "folder"), ("park", "pixels")}


def test_chunks_joined_are_the_whole(program: Path, photos: Path) -> None:
    model, done = open_model(program), list[tuple[int, int]]()
    parts = list(embed_chunks(model, photos, chunk=4, progress=lambda *given: done.append(given)))
    assert [len(part) for part in parts] == [4, 4, 3]
    assert done == [(4, COUNT), (8, COUNT), (COUNT, COUNT)]
    whole = mvd.embed(model, photos)
    np.testing.assert_allclose(concatenate(parts).vectors, whole.vectors, atol=1e-6)
    assert concatenate(parts).paths == whole.paths


def test_the_command_says_what_it_did(
    program: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "out.npz"
    (photos / "ir" / "bad.jpg").write_text("no picture")
    assert "bad.jpg: expected a picture" in refused(capsys, "embed", program, photos, "--out", out)
    assert run_mvd("embed", program, photos, "--out", out, "--skip-bad", "--modality", "visible") == 0
    captured = capsys.readouterr()
    assert f"{COUNT} pictures by tiny (000000000000), {WIDTH} wide" in captured.out
    assert f"{COUNT} by flag" in captured.out
    assert "skipped, since they could not be read: 1 picture" in captured.out
    assert captured.err.count("skipped: ") == 1
    assert [file.name for file in out.parent.iterdir()] == ["out.npz"]
    assert set(read_embeddings(out).modalities.tolist()) == {0}


@pytest.mark.usefixtures("small_chunks")
def test_an_interrupted_command_continues_and_gives_the_same(
    program: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "ir" / "bad.jpg").write_text("no picture")
    plain = tmp_path / "plain.npz"
    expected = embed_to_file(program, photos, plain, skip_bad=True)
    assert (expected.pictures, expected.reused, len(expected.bad)) == (COUNT, 0, 1)
    out, computed = tmp_path / "out.npz", list[int]()
    rows = embedding._embed_rows

    def stop_at_the_third(model: mvd.inference.PictureModel, good: list[object]) -> object:
        computed.append(len(good))
        if len(computed) == 3:
            raise KeyboardInterrupt
        return rows(model, good)  # type: ignore[arg-type]

    monkeypatch.setattr(embedding, "_embed_rows", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        embed_to_file(program, photos, out, skip_bad=True)
    assert not out.exists()
    assert len(list((tmp_path / ".out.npz.chunks").iterdir())) == 2
    done = embed_to_file(program, photos, out, skip_bad=True)
    assert (done.reused, done.pictures, done.bad) == (8, COUNT, expected.bad)
    assert len(computed) == 4
    assert_equal(read_embeddings(out), read_embeddings(plain))
    assert not (tmp_path / ".out.npz.chunks").exists()


@pytest.mark.usefixtures("small_chunks")
def test_what_has_changed_since_is_embedded_again(
    program: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.npz"
    write = write_embeddings

    def no_end(file: Path, parts: object) -> None:
        if file == out:
            raise KeyboardInterrupt
        write(file, parts)  # type: ignore[arg-type]

    monkeypatch.setattr(embed_file, "write_embeddings", no_end)
    with pytest.raises(KeyboardInterrupt):
        embed_to_file(program, photos, out)
    monkeypatch.setattr(embed_file, "write_embeddings", write)
    changed = photos / "ir" / "01.jpg"
    write_picture(changed, 77, height=40)
    kept = (tmp_path / ".out.npz.chunks").glob("*.npz")
    damaged = next(file for file in kept if str(changed) not in read_embeddings(file).paths)
    damaged.write_bytes(damaged.read_bytes()[:-50])
    assert embed_to_file(program, photos, out).reused in (3, 4)  # of three chunks, one is as it was
    assert_equal(read_embeddings(out), mvd.embed(program, photos))


def test_a_table_a_bad_model_and_other_mistakes_are_one_line(
    program: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.npz"
    write_lines(tmp_path / "text.onnx", ["hello"])
    (tmp_path / "empty").mkdir()
    foreign = write_program(tmp_path / "foreign.onnx")
    model = onnx.load(str(foreign))
    del model.metadata_props[:]
    onnx.save(model, str(foreign))
    for arguments, named in (
        ((program, photos, "--out", "out.csv"), r"expected a name that ends in .parquet or .npz, found .csv"),
        ((program, tmp_path / "empty", "--out", out), "expected pictures in it or below it"),
        ((program, "--out", out), "expected pictures, found none given"),
        (
            (photos, program, "--out", out),
            "expected a model with model.safetensors in it, or a run folder, found another",
        ),
        ((tmp_path / "text.onnx", photos, "--out", out), "expected an ONNX model"),
        (
            (foreign, photos, "--out", out),
            "expected an ONNX model written by mvd export, found another one, with inputs pictures",
        ),
        (("nowhere", photos, "--out", out), "expected a file or folder that is there, or OWNER/NAME"),
        ((program, photos, "--out", photos / "ir" / "01.jpg" / "x.npz"), "expected to write it, could not"),
        ((program, photos, "--out", out, "--precision", "bf16"), "precision of an ONNX file is fixed"),
        ((program, photos, "--out", out, "--device", "abacus"), "expected one that onnxruntime has here"),
    ):
        assert named in refused(capsys, "embed", *arguments)
    assert not out.exists()

    write_lines(tmp_path / "bad.jpg", ["none"])
    with pytest.raises(DatasetError, match="expected at least one readable picture"):
        mvd.embed(program, tmp_path / "bad.jpg", skip_bad=True)


def test_a_network_with_a_stem_for_each_modality_gets_them(tmp_path: Path, photos: Path) -> None:
    program = write_program(tmp_path / "stems.onnx", modalities=True)
    with pytest.raises(DatasetError, match="expected the modality of each picture"):
        open_model(program)([photos / "ir" / "01.jpg"])
    assert len(mvd.embed(program, photos)) == COUNT


@pytest.mark.usefixtures("small_chunks")
def test_another_precision_continues_nothing(
    program: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Rounded(Identified):
        """A model in another precision: of the same identity, with other last digits."""

        calibration = trained_on = None
        identity = open_model(program).identity

        def __call__(self, pictures: object, modalities: object = None) -> npt.NDArray[np.float32]:
            vectors = open_model(program)(pictures, modalities)  # type: ignore[arg-type]
            return vectors.astype(np.float16).astype(np.float32)

    monkeypatch.setattr(
        embed_file, "open_model", lambda _, precision, **__: Rounded() if precision == "bf16" else open_model(program)
    )
    out, stopped = tmp_path / "out.npz", iter([None])

    def stop(done: int, total: int) -> None:
        if next(stopped, stop) is stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_to_file(program, photos, out, precision="bf16", progress=stop)
    assert list((tmp_path / ".out.npz.chunks").iterdir())
    assert embed_to_file(program, photos, out, precision="fp32").reused == 0
    assert_equal(read_embeddings(out), mvd.embed(program, photos))


def test_two_commands_do_not_write_one_file(program: Path, photos: Path, tmp_path: Path) -> None:
    with name_locked(tmp_path / "out.npz"), pytest.raises(BusyError, match=r"out\.npz"):
        embed_to_file(program, photos, tmp_path / "out.npz")


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(
    program: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(RunError, match=r"\.npz: expected to write it, could not \(No space left on device\)"):
        embed_to_file(program, photos, tmp_path / "out.npz")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["photos", "tiny.onnx"]


def run_without_torch(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    given = [sys.executable, "-c", BLOCKED + code, *map(str, arguments)]
    return subprocess.run(given, capture_output=True, text=True, check=False)


def test_embedding_needs_no_torch(program: Path, photos: Path, tmp_path: Path) -> None:
    code = "from mvd.cli import main; sys.exit(main(sys.argv[1:]))"
    done = run_without_torch(code, "embed", program, photos, "--out", tmp_path / "out.npz")
    assert done.returncode == 0, done.stderr
    assert len(read_embeddings(tmp_path / "out.npz")) == COUNT


def test_without_torch_a_verb_or_a_name_that_needs_it_is_one_line(tmp_path: Path) -> None:
    code = "from mvd.cli import main; sys.exit(main(sys.argv[1:]))"
    done = run_without_torch(code, "demo", tmp_path / "demo")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line == "mvd: demo: expected PyTorch, which it needs, found none; install it: pip install 'mvd[torch]'"
    code = "import mvd\ntry: mvd.create_model\nexcept ImportError as error: print(error)"
    expected = "mvd.create_model: expected PyTorch, which it needs, found none; install it: pip install 'mvd[torch]'\n"
    assert run_without_torch(code).stdout == expected


@pytest.mark.slow
def test_the_processes_of_a_launch_share_the_pictures(program: Path, tmp_path: Path) -> None:
    for number in range(1100):
        write_picture(tmp_path / "many" / f"{number:04d}.png", number, height=8, width=4)
    alone, shared = tmp_path / "alone.npz", tmp_path / "shared.npz"
    embed_to_file(program, tmp_path / "many", alone)
    launched = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "mvd"]
    given = ["embed", str(program), str(tmp_path / "many"), "--out", str(shared)]
    done = subprocess.run([*launched, *given], capture_output=True, text=True, check=True)
    assert done.stdout.count("1,100 pictures") == 1
    assert_equal(read_embeddings(shared), read_embeddings(alone))


@pytest.mark.slow
def test_a_killed_command_continues_and_gives_the_same(program: Path, tmp_path: Path) -> None:
    for number in range(3000):
        write_picture(tmp_path / "many" / f"{number:04d}.png", number, height=160, width=80)
    whole, out = tmp_path / "whole.npz", tmp_path / "out.npz"
    embed_to_file(program, tmp_path / "many", whole)
    given = [sys.executable, "-m", "mvd", "embed", str(program), str(tmp_path / "many"), "--out", str(out)]
    chunks = tmp_path / ".out.npz.chunks"
    with subprocess.Popen(given, stdout=subprocess.PIPE) as process:
        while process.poll() is None and len(list(chunks.glob("*.npz")) if chunks.exists() else []) < 2:
            pass
        process.kill()
    assert not out.exists()
    done = embed_to_file(program, tmp_path / "many", out)
    assert done.reused >= 1024
    assert_equal(read_embeddings(out), read_embeddings(whole))
