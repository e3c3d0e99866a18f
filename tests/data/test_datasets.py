"""The data set and the sampler for a loop of one's own: the batches of `mvd train`, in every layout."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import write_llcm, write_own_folder, write_own_table, write_picture, write_regdb, write_tree
from torch.utils.data import DataLoader

from mvd.commands.data.training_data import load_training
from mvd.config import DataConfig, RunConfig, SamplingConfig
from mvd.data import IdentitySampler, PictureDataset, default_folder, load_image, prepare_arrays, scan
from mvd.data.batches import count_steps
from mvd.data.samples import Dataset
from mvd.errors import ConfigError, DatasetError
from mvd.training.batches import host_batches
from mvd.training.device_augment import DeviceAugment, augment

SIZE = (24, 16)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Five training and three validation people, every picture another one, prepared."""
    dataset = scan(write_tree(tmp_path / "data", train=(2, 5, 9, 11, 30), val=(4, 8, 12), test=(1,)))
    for number, file in enumerate(sorted(dataset.root.rglob("*.jpg"))):
        write_picture(file, number)
    prepare_arrays(dataset, default_folder(dataset), *SIZE)
    return dataset


@pytest.mark.parametrize("split", ["train", "train+validation"])
def test_two_epochs_are_those_of_mvd_train(dataset: Dataset, split: str) -> None:
    config = RunConfig(
        seed=3,
        data=DataConfig(height=SIZE[0], width=SIZE[1], train_on=split),  # type: ignore[arg-type]
        sampling=SamplingConfig(identities=3, pictures=2),
    )
    config = replace(config, schedule=replace(config.schedule, epochs=2, warmup_epochs=0))
    training, _ = load_training(dataset, dataset.root, config)
    expected = list(host_batches(config, training, 0))
    pictures = PictureDataset(dataset, split)  # type: ignore[arg-type]
    sampler = IdentitySampler(pictures.labels, pictures.modalities, identities=3, pictures=2, seed=3)
    assert len(sampler) == count_steps(config, training) == len(expected) // 2
    loader = DataLoader(pictures, batch_sampler=sampler)
    module = DeviceAugment(config.augment, seed=3)
    step = 0
    for epoch in range(2):
        sampler.set_epoch(epoch)
        for batch in loader:
            theirs = expected[step]
            assert torch.equal(batch.image, theirs.pictures)
            assert torch.equal(batch.label, theirs.everyone[0])
            assert torch.equal(batch.modality, theirs.modalities)
            images = augment(theirs.pictures, theirs.draws, config.augment, torch.contiguous_format)
            assert torch.equal(module(batch.image, batch.modality, step=step), images)
            step += 1
    assert step == len(expected)
    assert np.array_equal(pictures.classes, training.identities)


@pytest.mark.parametrize("split", ["train", "validation", "train+validation", "test"])
def test_arrays_and_files_give_the_same_pictures(dataset: Dataset, split: str, tmp_path: Path) -> None:
    prepared = PictureDataset(dataset, split)  # type: ignore[arg-type]
    from_files = PictureDataset(dataset, split, size=SIZE, prepared=None)  # type: ignore[arg-type]
    from_files._arrays = None
    if split == "test":
        prepared.size = SIZE
    for one, other in zip(prepared, from_files, strict=True):  # type: ignore[call-overload]
        assert torch.equal(one.image, other.image)
        assert one[1:] == other[1:]
        assert np.array_equal(one.image, load_image(dataset.root / one.path, *SIZE))
    assert prepared[-1].row == len(prepared) - 1


def test_another_size_than_that_of_the_arrays_is_decoded(dataset: Dataset) -> None:
    assert PictureDataset(dataset).size == SIZE
    assert PictureDataset(dataset, size=(30, 20))[0].image.shape == (30, 20, 3)


@pytest.mark.parametrize(
    ("write", "counts"),
    [
        (write_regdb, (12, 0, 12)),
        (write_llcm, (12, 0, 68)),
        (lambda root: write_own_folder(root, train=("anna",), test=("bo", "cy")), (4, 0, 8)),
        (lambda root: write_own_table(root / "t.csv"), (0, 0, 16)),
    ],
)
def test_every_layout_has_its_splits(
    tmp_path: Path, write: Callable[[Path], Path], counts: tuple[int, int, int]
) -> None:
    data = write(tmp_path / "data")
    for split, count in zip(("train", "validation", "test"), counts, strict=True):
        if count:
            pictures = PictureDataset(str(data), split, size=SIZE)  # type: ignore[arg-type]
            assert len(pictures) == count
            assert pictures[count - 1].image.shape == (*SIZE, 3)
        else:
            with pytest.raises(DatasetError, match=f"expected {split} pictures, found none; edit"):
                PictureDataset(data, split)  # type: ignore[arg-type]


def test_worker_processes_map_the_arrays_again(dataset: Dataset) -> None:
    pictures = PictureDataset(dataset)
    sent = pickle.dumps(pictures)
    assert len(sent) < 20_000  # 40 pictures of 1152 bytes, and their table
    assert torch.equal(pickle.loads(sent)[7].image, pictures[7].image)
    loader = DataLoader(pictures, batch_size=16, num_workers=1, multiprocessing_context="spawn")
    assert torch.equal(torch.cat([batch.image for batch in loader])[7], pictures[7].image)


def test_a_batch_is_identities_by_pictures_by_modalities() -> None:
    labels, modalities = np.repeat(np.arange(6), 8), np.tile([0, 1, 1, 0], 12)
    sampler = IdentitySampler(labels, modalities, identities=4, pictures=3, seed=1, steps=5)
    batches = np.array(list(sampler))
    assert batches.shape == (5, 24)
    assert (modalities[batches] == np.repeat([0, 1], 12)).all()
    assert (labels[batches[:, :12]] == labels[batches[:, 12:]]).all()
    for batch in labels[batches].reshape(5, 2, 4, 3):
        assert all(len(set(row.tolist())) == 1 for row in batch.reshape(8, 3))
        assert len(np.unique(batch[0])) == 4
    assert np.array_equal(batches, list(sampler))
    sampler.set_epoch(1)
    assert not np.array_equal(batches, list(sampler))


def test_what_cannot_be_sampled_is_refused_when_the_sampler_is_made() -> None:
    with pytest.raises(DatasetError, match="at least 3 identities"):
        IdentitySampler([0, 0, 1, 1], [0, 1, 0, 1], identities=3)
    with pytest.raises(DatasetError, match="found class 1 in one only"):
        IdentitySampler([0, 0, 1], [0, 1, 0], identities=2)
    with pytest.raises(ConfigError, match=r"found shapes \(2,\) and \(1,\)"):
        IdentitySampler([0, 0], [0], identities=1)
    with pytest.raises(ConfigError, match="at least 1"):
        IdentitySampler([0, 0], [0, 1], identities=0)


def test_the_package_loads_neither_torch_nor_numpy() -> None:
    code = "import sys, mvd.data; print(any(name in sys.modules for name in ('torch', 'numpy', 'PIL')))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


def test_every_public_name_is_there() -> None:
    import mvd.data

    assert all(getattr(mvd.data, name) is not None for name in mvd.data.__all__)
    assert set(mvd.data._MODULE_OF) == set(mvd.data.__all__) <= set(dir(mvd.data))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mvd.data.nothing  # noqa: B018
