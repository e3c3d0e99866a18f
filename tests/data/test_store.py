"""Prepared arrays: the original's names and contents, and refusal of anything that does not fit together."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from fakes import write_ids, write_tree

from mvd.data.images import load_image
from mvd.data.layouts.sysu import scan_sysu
from mvd.data.samples import Dataset, Modality
from mvd.data.store import load_prepared, prepare
from mvd.errors import DatasetError

NAMES = [f"train_{kind}_resized{end}" for kind in ("rgb", "ir") for end in ("_img.npy", "_label.npy", ".csv")]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    dataset = scan_sysu(write_tree(tmp_path / "data", train=(9, 2), val=(5,), test=(7,)))
    prepare(dataset, dataset.root, height=16, width=8)
    return dataset


def test_arrays_hold_train_and_validation_pictures_under_the_originals_names(dataset: Dataset) -> None:
    assert sorted(file.name for file in dataset.root.iterdir() if file.is_file()) == sorted(NAMES)
    images = np.load(dataset.root / "train_rgb_resized_img.npy")
    labels = np.load(dataset.root / "train_rgb_resized_label.npy")
    # Identities ascending (2, 5, 9), each with its cameras 1, 2, 4, 5 and two pictures by each.
    paths = [f"cam{c}/{i:04d}/{n:04d}.jpg" for i in (2, 5, 9) for c in (1, 2, 4, 5) for n in (1, 2)]
    assert np.array_equal(images, [load_image(dataset.root / path, 16, 8) for path in paths])
    assert labels.tolist() == [0] * 8 + [1] * 8 + [2] * 8
    assert labels.dtype == np.int64


def test_loaded_pictures_match_their_table(dataset: Dataset) -> None:
    visible, infrared = load_prepared(dataset, dataset.root)
    assert len(visible) == 24
    assert len(infrared) == 12
    some = infrared.of_people([5, 9])
    assert some.samples.people.tolist() == [5, 9]
    positions = np.array([5, 0])
    expected = [load_image(dataset.root / path, 16, 8) for path in some.samples.paths[positions]]
    assert np.array_equal(some.read(positions), expected)
    assert np.array_equal(np.concatenate(list(some.batches(3))), some.read(np.arange(len(some))))


def test_arrays_of_the_original_have_no_table_and_load_all_the_same(dataset: Dataset) -> None:
    tables = [load_prepared(dataset, dataset.root)[modality].samples.paths.tolist() for modality in Modality]
    for file in dataset.root.glob("*.csv"):
        file.unlink()
    again = [load_prepared(dataset, dataset.root)[modality].samples.paths.tolist() for modality in Modality]
    assert again == tables


def test_a_missing_array_says_what_to_run(dataset: Dataset) -> None:
    (dataset.root / "train_ir_resized_img.npy").unlink()
    with pytest.raises(DatasetError, match=r"train_ir_resized_img\.npy: .* run: mvd prepare"):
        load_prepared(dataset, dataset.root)


def test_labels_and_images_of_different_length_are_refused(dataset: Dataset) -> None:
    file = dataset.root / "train_rgb_resized_label.npy"
    np.save(file, np.load(file)[:-1])
    with pytest.raises(DatasetError, match=r"train_rgb_resized_label\.npy: expected 24 labels, .* found \(23,\)"):
        load_prepared(dataset, dataset.root)


def test_labels_of_another_data_set_are_refused(dataset: Dataset) -> None:
    file = dataset.root / "train_rgb_resized_label.npy"
    np.save(file, np.load(file)[::-1])
    with pytest.raises(DatasetError, match=r"train_rgb_resized_label\.npy: .* the data set has changed since"):
        load_prepared(dataset, dataset.root)


def test_arrays_are_refused_when_the_splits_have_changed_since(dataset: Dataset) -> None:
    write_ids(dataset.root, train=(9,))
    with pytest.raises(DatasetError, match="the data set has changed since"):
        load_prepared(scan_sysu(dataset.root), dataset.root)


@pytest.mark.parametrize("damage", ["truncated", "text", "pickle", "float"])
def test_a_damaged_array_is_named(dataset: Dataset, damage: str) -> None:
    file = dataset.root / "train_rgb_resized_img.npy"
    match damage:
        case "truncated":
            file.write_bytes(file.read_bytes()[:-100])
        case "text":
            file.write_text("no array")
        case "pickle":
            np.save(file, np.array([{}], dtype=object), allow_pickle=True)
        case "float":
            np.save(file, np.zeros((24, 16, 8, 3)))
    with pytest.raises(DatasetError, match=r"train_rgb_resized_img\.npy: expected .* run mvd prepare again"):
        load_prepared(dataset, dataset.root)


def test_sizes_of_the_modalities_must_agree(dataset: Dataset) -> None:
    np.save(dataset.root / "train_ir_resized_img.npy", np.zeros((12, 8, 8, 3), np.uint8))
    with pytest.raises(DatasetError, match="found 16×8 and 8×8"):
        load_prepared(dataset, dataset.root)


@pytest.mark.parametrize("path", ["cam6/0002/0001.jpg", "cam1/0009/0002.jpg", "cam2/0007/0001.jpg"])
def test_a_damaged_picture_is_named_and_leaves_no_half_written_array(tmp_path: Path, path: str) -> None:
    dataset = scan_sysu(write_tree(tmp_path / "data", train=(9, 2), val=(5,), test=(7,)))
    picture = dataset.root / path
    picture.write_bytes(picture.read_bytes()[:50])
    out = tmp_path / "arrays"
    with pytest.raises(DatasetError, match=path):
        prepare(dataset, out, height=16, width=8)
    assert not list(out.glob(".*"))
    for file in out.glob("*_img.npy"):  # whole, if it is there at all
        np.load(file)


def test_failing_leaves_earlier_arrays_as_they_were(dataset: Dataset) -> None:
    before = {name: (dataset.root / name).read_bytes() for name in NAMES}
    (dataset.root / "cam1" / "0002" / "0001.jpg").write_text("no picture")
    with pytest.raises(DatasetError):
        prepare(dataset, dataset.root, height=32, width=16)
    assert {name: (dataset.root / name).read_bytes() for name in NAMES} == before


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_folder_that_cannot_be_written_is_named(dataset: Dataset, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(DatasetError, match=r"file.arrays: expected a folder to write the arrays to"):
        prepare(dataset, blocked / "arrays", height=16, width=8)


def test_progress_counts_every_picture(dataset: Dataset, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    prepare(dataset, tmp_path / "arrays", height=16, width=8, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 48) for done in range(1, 49)]
