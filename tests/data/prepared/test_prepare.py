"""Preparing: the plain loop's arrays bit for bit, whatever stops it on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data.prepared.preparing import (
    NAMES,
    SIZE,
    assert_prepared,
    plain_loop,
)
from fakes import write_own_folder, write_regdb
from PIL import Image

from mvd.data.layouts import scan
from mvd.data.prepared.arrays import array_files, default_folder, load_prepared
from mvd.data.prepared.prepare import prepare_arrays
from mvd.data.samples import Dataset, Modality
from mvd.errors import ConfigError, DatasetError


@pytest.mark.parametrize("size", [(24, 10), (288, 144), (17, 300)])
def test_arrays_are_those_of_the_plain_loop_to_the_byte(
    dataset: Dataset, out: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    prepare_arrays(dataset, out, *size)
    assert_prepared(out, plain_loop(dataset, size), tmp_path)


def test_labels_are_the_originals(dataset: Dataset, out: Path) -> None:
    prepare_arrays(dataset, out, *SIZE)
    visible, infrared = (np.load(array_files(out, modality).labels) for modality in Modality)
    # Identities ascending (2, 5, 9), each with its cameras 1, 2, 4, 5 or 3, 6 and two pictures by each.
    assert visible.tolist() == [0] * 8 + [1] * 8 + [2] * 8
    assert infrared.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert visible.dtype == infrared.dtype == np.int64


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_number_of_workers_changes_nothing(dataset: Dataset, out: Path, tmp_path: Path, workers: int) -> None:
    prepare_arrays(dataset, out, *SIZE, workers=workers)
    assert_prepared(out, plain_loop(dataset), tmp_path)


def test_pictures_of_every_kind_come_out_as_the_plain_loop_has_them(tmp_path: Path, out: Path) -> None:
    root = write_own_folder(tmp_path / "own", train=["anna", "bo", "cy", "dee"])
    for mode, person in (("L", "anna"), ("P", "bo"), ("RGBA", "cy"), ("1", "dee")):
        (root / "visible" / person / "1.jpg").unlink()
        picture = Image.effect_mandelbrot((30, 40), (-2, -1, 1, 1), 50).convert("RGB").convert(mode)
        picture.save(root / "visible" / person / "1.png")
    dataset = scan(root)
    prepare_arrays(dataset, out, *SIZE)
    assert_prepared(out, plain_loop(dataset), tmp_path)


@pytest.mark.usefixtures("small_chunks")
def test_progress_counts_every_picture(dataset: Dataset, out: Path) -> None:
    seen: list[tuple[int, int]] = []
    prepare_arrays(dataset, out, *SIZE, workers=1, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 48) for done in range(0, 49, 4)]


def test_people_of_one_modality_only_cannot_be_trained_on(dataset: Dataset, out: Path) -> None:
    blind = Dataset(
        name="own",
        root=dataset.root,
        train=dataset.train.of(Modality.VISIBLE),
        validation=dataset.validation.of(Modality.VISIBLE),
        test=dataset.test,
        people_lists="train_id.txt",
    )
    with pytest.raises(DatasetError, match=r"found no infrared ones; .* train_id\.txt"):
        prepare_arrays(blind, out, *SIZE)
    assert not out.exists()


def test_each_split_of_regdb_has_a_folder_of_its_own(tmp_path: Path) -> None:
    root = write_regdb(tmp_path / "RegDB")
    for trial in (1, 2):
        dataset = scan(root, trial=trial)
        prepare_arrays(dataset, default_folder(dataset), *SIZE)
    visible, _ = load_prepared(scan(root, trial=2), root / "trial-2")
    assert visible.samples.paths.tolist() == scan(root, trial=2).train.of(Modality.VISIBLE).paths.tolist()


@pytest.mark.parametrize("path", ["cam6/0002/0001.jpg", "cam1/0009/0002.jpg", "cam2/0007/0001.jpg"])
@pytest.mark.parametrize("damage", ["truncated", "vanished"])
def test_a_damaged_picture_is_named_and_can_be_replaced(
    dataset: Dataset, out: Path, tmp_path: Path, path: str, damage: str
) -> None:
    picture, expected = dataset.root / path, plain_loop(dataset)
    content = picture.read_bytes()
    picture.unlink()
    if damage == "truncated":
        picture.write_bytes(content[:-20])
    with pytest.raises(DatasetError, match=path):
        prepare_arrays(dataset, out, *SIZE)
    assert not set(NAMES) & {file.name for file in out.iterdir()}
    picture.write_bytes(content)
    prepare_arrays(dataset, out, *SIZE)
    assert_prepared(out, expected, tmp_path)


def test_a_folder_that_cannot_be_made_is_named(dataset: Dataset, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(DatasetError, match=r"file.arrays: expected a folder to write the arrays to"):
        prepare_arrays(dataset, blocked / "arrays", *SIZE)


def test_a_decoder_that_does_not_exist_is_refused(dataset: Dataset, out: Path) -> None:
    with pytest.raises(ConfigError, match="decoder: expected pillow or fast, found 'quick'"):
        prepare_arrays(dataset, out, *SIZE, decoder="quick")  # type: ignore[arg-type]
    assert not out.exists()
