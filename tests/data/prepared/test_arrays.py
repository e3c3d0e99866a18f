"""Prepared arrays: what is loaded, and refusal of anything that does not fit together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import write_ids, write_own_table, write_regdb, write_tree

from mvd.data.images import load_image
from mvd.data.layouts import scan
from mvd.data.prepared.arrays import default_folder, load_prepared
from mvd.data.prepared.prepare import prepare_arrays
from mvd.data.samples import Dataset
from mvd.errors import DatasetError


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    dataset = scan(write_tree(tmp_path / "data", train=(9, 2), val=(5,), test=(7,)))
    prepare_arrays(dataset, dataset.root, height=16, width=8)
    return dataset


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


@pytest.mark.parametrize("integers", ["int64", "int32", "uint8", ">i4"])
def test_arrays_of_the_original_have_no_table_and_integers_of_any_kind(dataset: Dataset, integers: str) -> None:
    tables = [pictures.samples.paths.tolist() for pictures in load_prepared(dataset, dataset.root)]
    for kind in ("rgb", "ir"):
        (dataset.root / f"train_{kind}_resized.csv").unlink()
        labels = dataset.root / f"train_{kind}_resized_label.npy"
        np.save(labels, np.load(labels).astype(integers))
    assert [pictures.samples.paths.tolist() for pictures in load_prepared(dataset, dataset.root)] == tables


def test_own_pictures_may_lie_anywhere(tmp_path: Path) -> None:
    table = write_own_table(tmp_path / "own.csv", splits=dict.fromkeys(("anna", "bo", "cy", "dee"), "train"))
    table.write_text(table.read_text().replace("pictures/", f"{tmp_path}/pictures/"))
    elsewhere = tmp_path / "lists" / "own.csv"
    elsewhere.parent.mkdir()
    dataset = scan(table.rename(elsewhere))
    prepare_arrays(dataset, default_folder(dataset), height=16, width=8)
    visible, _ = load_prepared(dataset, elsewhere.parent)
    first = Path(visible.samples.paths[0])
    assert first.is_absolute()
    assert np.array_equal(visible.images[0], load_image(first, 16, 8))


def test_a_missing_array_says_what_to_run(dataset: Dataset) -> None:
    (dataset.root / "train_ir_resized_img.npy").unlink()
    with pytest.raises(DatasetError, match=rf"train_ir_resized_img\.npy: .* run: mvd prepare {dataset.root}$"):
        load_prepared(dataset, dataset.root)


def test_what_to_run_names_the_trial_and_the_folder(tmp_path: Path) -> None:
    dataset = scan(write_regdb(tmp_path / "RegDB"), trial=3)
    with pytest.raises(DatasetError, match=rf"run: mvd prepare {tmp_path}/RegDB --trial 3$"):
        load_prepared(dataset, default_folder(dataset))
    with pytest.raises(DatasetError, match=rf"run: mvd prepare {tmp_path}/RegDB --trial 3 --out {tmp_path}/arrays$"):
        load_prepared(dataset, tmp_path / "arrays")


def test_arrays_of_another_trial_are_refused(tmp_path: Path) -> None:
    root, arrays = write_regdb(tmp_path / "RegDB"), tmp_path / "arrays"
    prepare_arrays(scan(root, trial=1), arrays, height=16, width=8)
    load_prepared(scan(root, trial=1), arrays)
    with pytest.raises(
        DatasetError, match=r"Visible/.*\.bmp where Visible/.*\.bmp is now.* another split of it.*--trial 2"
    ):
        load_prepared(scan(root, trial=2), arrays)


def test_labels_and_images_of_different_length_are_refused(dataset: Dataset) -> None:
    file = dataset.root / "train_rgb_resized_label.npy"
    np.save(file, np.load(file)[:-1])
    with pytest.raises(DatasetError, match=r"train_rgb_resized_label\.npy: expected 24 integer .* found int64 \(23,\)"):
        load_prepared(dataset, dataset.root)


def test_labels_that_are_no_integers_are_refused(dataset: Dataset) -> None:
    file = dataset.root / "train_rgb_resized_label.npy"
    np.save(file, np.load(file).astype(np.float32))
    with pytest.raises(DatasetError, match=r"expected 24 integer labels, .* found float32 \(24,\)"):
        load_prepared(dataset, dataset.root)


def test_labels_of_other_people_are_refused(dataset: Dataset) -> None:
    file = dataset.root / "train_rgb_resized_label.npy"
    np.save(file, np.load(file)[::-1])
    with pytest.raises(DatasetError, match=r"train_rgb_resized_label\.npy: .* the data set has changed since"):
        load_prepared(dataset, dataset.root)


@pytest.mark.parametrize("table", [True, False])
def test_arrays_are_refused_when_the_people_have_changed_since(dataset: Dataset, table: bool) -> None:
    write_ids(dataset.root, train=(9,), val=(5,), test=(2, 7))
    if not table:
        for file in dataset.root.glob("*.csv"):
            file.unlink()
    with pytest.raises(DatasetError, match=r"people in exp/train_id\.txt, found .* the data set has changed since"):
        load_prepared(scan(dataset.root), dataset.root)


def test_arrays_are_refused_when_a_picture_has_changed_its_name(dataset: Dataset) -> None:
    folder = dataset.root / "cam3" / "0005"
    (folder / "0002.jpg").rename(folder / "0003.jpg")
    with pytest.raises(DatasetError, match=r"csv: expected .*\(cam3/0005/0002\.jpg where cam3/0005/0003\.jpg is"):
        load_prepared(scan(dataset.root), dataset.root)


@pytest.mark.parametrize("damage", ["truncated", "text", "pickle", "float", "empty"])
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
        case "empty":
            file.write_bytes(b"")
    with pytest.raises(DatasetError, match=r"train_rgb_resized_img\.npy: expected .* run: mvd prepare"):
        load_prepared(dataset, dataset.root)


def test_sizes_of_the_modalities_must_agree(dataset: Dataset) -> None:
    np.save(dataset.root / "train_ir_resized_img.npy", np.zeros((12, 8, 8, 3), np.uint8))
    with pytest.raises(DatasetError, match="found 16×8 and 8×8"):
        load_prepared(dataset, dataset.root)


def test_only_the_splits_of_regdb_have_folders_of_their_own(dataset: Dataset, tmp_path: Path) -> None:
    assert default_folder(dataset) == dataset.root
    root = write_regdb(tmp_path / "RegDB")
    assert default_folder(scan(root, trial=7)) == root / "trial-7"
