"""Pipes and devices in the place of any file of a data set: one line, no waiting and no endless reading."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import write_llcm, write_own_folder, write_own_table, write_regdb, write_tree

from mvd.commands.data.check import check
from mvd.commands.data.split import split
from mvd.data.galleries.official import load_permutations
from mvd.data.layouts import scan
from mvd.data.own.listing import list_pictures
from mvd.data.prepared.arrays import array_files, load_prepared
from mvd.data.prepared.prepare import prepare_arrays
from mvd.data.samples import Dataset, Modality, load_samples
from mvd.errors import DatasetError
from mvd.results.embeddings import read_embeddings


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def _pipe(file: Path) -> None:
    file.unlink(missing_ok=True)
    os.mkfifo(file)


def _zero(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.symlink_to("/dev/zero")


@pytest.mark.parametrize("put", [_pipe, _zero])
@pytest.mark.parametrize("file", ["a list", "a picture list", "own list", "table", "galleries"])
def test_lists_tables_and_galleries(tmp_path: Path, put: Callable[[Path], None], file: str) -> None:
    makers: dict[str, tuple[Callable[[Path], Path], str]] = {
        "a list": (write_tree, "exp/train_id.txt"),
        "a picture list": (write_regdb, "idx/train_visible_1.txt"),
        "own list": (write_own_folder, "train_id.txt"),
        "table": (lambda folder: write_own_table(folder / "t.csv"), "t.csv"),
        "galleries": (write_tree, "exp/rand_perm_cam.mat"),
    }
    make, place = makers[file]
    data = make(tmp_path)
    put(tmp_path / place)
    assert any(f"{place}: " in defect and "it is no regular file" in defect for defect in check(data).defects)
    if file == "table":
        with pytest.raises(DatasetError, match="it is no regular file"):
            split(data)
    if file == "galleries":
        with pytest.raises(DatasetError, match="it is no regular file"):
            load_permutations(tmp_path / place)


@pytest.mark.parametrize("put", [_pipe, _zero])
def test_pictures(tmp_path: Path, put: Callable[[Path], None]) -> None:
    llcm = write_llcm(tmp_path)
    put(llcm / "vis" / "0001" / "0001.jpg")
    (defect,) = check(llcm).defects
    assert "vis/0001/0001.jpg: expected a picture, could not read it (it is no regular file)" in defect


@pytest.fixture
def prepared(tmp_path: Path) -> tuple[Dataset, Path]:
    dataset, out = scan(write_tree(tmp_path / "data", train=(1, 2), val=(3,), test=(4,))), tmp_path / "out"
    prepare_arrays(dataset, out, 16, 16, workers=1)
    return dataset, out


@pytest.mark.parametrize("put", [_pipe, _zero])
@pytest.mark.parametrize("kind", ["images", "labels", "table"])
def test_arrays(prepared: tuple[Dataset, Path], put: Callable[[Path], None], kind: str) -> None:
    dataset, out = prepared
    file = getattr(array_files(out, Modality.INFRARED), kind)
    put(file)
    with pytest.raises(DatasetError, match="it is no regular file"):
        load_prepared(dataset, out)
    if kind == "table":
        with pytest.raises(DatasetError, match="it is no regular file"):
            load_samples(file)
    prepare_arrays(dataset, out, 16, 16, workers=1)  # takes the place of the pipe
    load_prepared(dataset, out)


def test_what_preparing_fills(prepared: tuple[Dataset, Path]) -> None:
    dataset, out = prepared
    images = array_files(out, Modality.VISIBLE).images
    whole = np.load(images)
    part = images.with_name(f".{images.name}.part")
    _pipe(part)
    prepare_arrays(dataset, out, 16, 16, workers=1)
    assert np.array_equal(np.load(images), whole)
    assert not part.exists()
    _pipe(out / ".mvd-prepare.journal")
    with pytest.raises(DatasetError, match=r"could not \(it is no regular file\)"):
        prepare_arrays(dataset, out, 16, 16, workers=1)


@pytest.mark.parametrize("put", [_pipe, _zero])
def test_embeddings_and_tables_of_pictures_to_embed(tmp_path: Path, put: Callable[[Path], None]) -> None:
    put(tmp_path / "e.npz")
    put(tmp_path / "t.csv")
    with pytest.raises(DatasetError, match="it is no regular file"):
        read_embeddings(tmp_path / "e.npz")
    with pytest.raises(DatasetError, match="it is no regular file"):
        list_pictures([tmp_path / "t.csv"])
