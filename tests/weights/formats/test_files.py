"""Telling formats apart by content, writing whole files, and what random damage does."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from weights.helpers import SAMPLES, Arrays, Refusal, Save, assert_same

from mvd.errors import CheckpointError
from mvd.weights import Kind, read_weights, write_weights

KINDS: list[tuple[Kind, str]] = [("mindspore", ".ckpt"), ("pytorch", ".pth"), ("safetensors", ".safetensors")]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Valid files of every kind."""
    arrays: Arrays = {
        "conv1.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
        "bn1.weight": np.ones(2, np.float16),
    }
    folder = tmp_path_factory.mktemp("files")
    for kind, ending in KINDS:
        write_weights(folder / f"a{ending}", arrays, kind)
    written = [(folder / f"a{ending}").read_bytes() for _, ending in KINDS]
    return [*written, *(file.read_bytes() for file in SAMPLES.glob("*.ckpt"))]


@pytest.mark.parametrize(("kind", "ending"), KINDS)
def test_formats_are_told_by_content(tmp_path: Path, save: Save, kind: Kind, ending: str) -> None:
    arrays: Arrays = {"a": np.arange(3.0), "b": np.array([[1, 2]])}
    write_weights(tmp_path / f"a{ending}", arrays, kind)
    found = read_weights(save((tmp_path / f"a{ending}").read_bytes()))
    assert found.kind == kind
    assert_same(found.tensors, arrays)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "a pointer of Git LFS; fetch the file itself"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x93NUMPY\x01\x00", "an array of NumPy"),
        (b"\x1f\x8b\x08\x00", "a gzip archive; unpack it first"),
        (b"hello, these are no weights", "a file that begins with the bytes 68 65 6c 6c 6f 2c 20 74"),
        (bytes(100), "a file that begins with the bytes 00 00"),
        (b"\x0a", "a file that begins with the bytes 0a"),
    ],
)
def test_other_files_are_named(refusal: Refusal, data: bytes, found: str) -> None:
    assert found in refusal(data)


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    for path, found in ((tmp_path / "none.pth", "no such file"), (tmp_path, "a folder")):
        with pytest.raises(CheckpointError, match=f"found {found}; check the path"):
            read_weights(path)


@pytest.mark.parametrize(("kind", "ending"), KINDS)
def test_files_are_written_whole_or_not_at_all(tmp_path: Path, kind: Kind, ending: str) -> None:
    file = tmp_path / f"a{ending}"
    write_weights(file, {"a": np.ones(3)}, kind)
    before = file.read_bytes()
    with pytest.raises(CheckpointError, match=r"expected (a tensor|tensors) that .* can hold"):
        write_weights(file, {"a": np.ones(3), "b": np.array(["text"])}, kind)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]
    (tmp_path / "plain").touch()
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.parametrize(("kind", "ending"), KINDS)
def test_places_that_cannot_be_written_to_are_named(tmp_path: Path, kind: Kind, ending: str) -> None:
    with pytest.raises(CheckpointError, match=rf"a\.bin: expected a name that ends in \{ending}.*, found \.bin"):
        write_weights(tmp_path / "a.bin", {"a": np.ones(3)}, kind)
    with pytest.raises(CheckpointError, match=r"expected to write weights, could not \(No such file"):
        write_weights(tmp_path / "none" / f"a{ending}", {"a": np.ones(3)}, kind)


@given(data=st.data())
def test_damaged_files_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, files: list[bytes], data: st.DataObject
) -> None:
    """benchmarks/fuzz.py does the same for long."""
    content = bytearray(data.draw(st.sampled_from(files)))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(start + 16, len(content))))
        foreign = data.draw(st.sampled_from(files))[start:]
        content[start:end] = data.draw(st.binary(max_size=16) | st.just(foreign))
    file = tmp_path_factory.getbasetemp() / "damaged"
    file.write_bytes(content)
    try:
        tensors, _ = read_weights(file)
        message = ""
    except CheckpointError as error:
        tensors, message = {}, str(error)
    assert sum(array.nbytes for array in tensors.values()) <= 4 * len(content)
    assert tensors or message.startswith(f"{file}: expected ")
    assert "\n" not in message
