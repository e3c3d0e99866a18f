"""Folders whose names are not UTF-8: what is written there is read again, or refused in one line where it cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from fakes import write_own_folder, write_tree
from shell import SIZE, TINY, mvd, refused
from tiny_program import SIZE as PROGRAM_SIZE
from tiny_program import write_program

from mvd.inference.onnx_models import to_int8
from mvd.inference.onnx_network import OnnxNetwork
from mvd.results.embeddings import read_embeddings

GBK = os.fsdecode("照片".encode("gbk"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / GBK
    folder.mkdir()
    return folder


def test_runs_and_weights(place: Path, tmp_path: Path) -> None:
    data = write_tree(tmp_path / "data")
    assert mvd("prepare", data, "--out", place / "arrays", *SIZE) == 0
    assert mvd("train", data, "--prepared", place / "arrays", "--out", place / "run", "--evaluate=none", *TINY) == 0
    assert mvd("evaluate", place / "run", "--save", place / "lists.npz") == 0
    best = place / "run" / "checkpoints" / "best.safetensors"
    for to, name in (("mvd", "a.safetensors"), ("mindspore", "a.ckpt"), ("pytorch", "a.pth")):
        assert mvd("convert", best, place / name, "--to", to) == 0
        assert mvd("show", place / name) == 0
    assert mvd("push", place / "run", place / "model", "--local") == 0
    assert mvd("import", best, place / "imported", data, *TINY) == 0


def test_programs_and_embeddings(place: Path, tmp_path: Path) -> None:
    program = write_program(place / "a.onnx")

    pictures = [np.zeros((2, *PROGRAM_SIZE, 3), np.uint8)]
    modalities = np.zeros(2, np.int64)
    to_int8(program, place / "int8.onnx", pictures, modalities)
    for name in ("a.onnx", "int8.onnx"):
        assert len(OnnxNetwork(place / name).embed(pictures, modalities)) == 2
    own = write_own_folder(tmp_path / "own")
    found = {}
    for ending in ("npz", "parquet"):
        assert mvd("embed", program, own, "--out", place / f"a.{ending}") == 0
        found[ending] = read_embeddings(place / f"a.{ending}")
        assert mvd("gallery", "add", tmp_path / f"gallery-{ending}", place / f"a.{ending}") == 0
    np.testing.assert_array_equal(found["npz"].vectors, found["parquet"].vectors)


def test_a_gallery_is_refused_there(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = write_own_folder(tmp_path / "own")
    monkeypatch.chdir(place)
    for where in (place / "gallery", "gallery"):
        told = refused(capsys, "gallery", "add", where, own)
        assert told.endswith(
            r"\xd5\xd5Ƭ/gallery: expected a path in UTF-8 for a gallery, found other bytes; choose another" + "\n"
        )
    assert not list(place.iterdir())
