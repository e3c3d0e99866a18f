"""Data sets and batches for a PyTorch training loop: `PictureDataset` and `IdentitySampler`.

Only this module of `mvd.data` imports PyTorch. With `mvd.training.DeviceAugment` they give the batches of `mvd train`,
bit for bit; examples/own_loop.py is a complete training loop.

Shapes: N pictures of H × W pixels, P identities in a batch, K pictures of each and modality.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import Sampler

from mvd.data.images import load_image
from mvd.data.layouts import scan
from mvd.data.prepared.arrays import PreparedPictures, array_files, default_folder, load_prepared, training_samples
from mvd.data.samples import JUNK, Dataset, Modality, Samples
from mvd.data.sampling import identity_batches, steps_per_epoch
from mvd.errors import ConfigError, DatasetError
from mvd.files.regular import is_there

Split = Literal["train", "validation", "train+validation", "test"]

_SIZE = (288, 144)


class Picture(NamedTuple):
    """An item of `PictureDataset`; a `DataLoader` collates items to a `Picture` of tensors of shape (B, …).

    Attributes:
        image: (H, W, 3) uint8, RGB. `mvd.training.DeviceAugment` normalises it, on the device.
        label: class of the identity, from 0, in ascending order of the identities in the split; -1 for junk.
        identity: number of the person in the data set; -1 for junk.
        camera: number of the camera in the data set, from 1; 0 if unknown.
        modality: a `Modality`: 0 visible, 1 infrared.
        path: the file, relative to the data set's root.
        row: position in the data set.
    """

    image: Tensor
    label: int
    identity: int
    camera: int
    modality: int
    path: str
    row: int


class PictureDataset(TorchDataset[Picture]):
    """The pictures of one split of a data set, in any layout that `mvd.data.scan` supports.

    Training and validation pictures are read from the arrays of `mvd prepare` if these have the requested size, and
    otherwise from their files; test pictures are always read from their files. Files are decoded by Pillow, with the
    same pixels.

    Args:
        data: folder of the data set, CSV table of own pictures, or a scanned `Dataset`.
        split: "train", "validation", "train+validation" or "test".
        size: height and width in pixels; by default those of the prepared arrays, or 288×144.
        prepared: folder of the prepared arrays; by default that of `mvd prepare`.
        trial: RegDB's split, 1 … 10; ignored elsewhere.

    Attributes:
        samples: the table of the N pictures.
        size: H and W.
        classes: (C,) int64, the identity of each class, ascending.
        labels: (N,) int64, the class of each picture; -1 for `JUNK`.
        modalities: (N,) int64, the `Modality` of each picture.

    Raises:
        DatasetError: the data set has a defect, the split has no pictures, or the arrays belong to another data set.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from PIL import Image
        >>> folder = TemporaryDirectory()
        >>> for person in ("visible/anna", "visible/bo", "infrared/anna", "infrared/bo"):
        ...     (Path(folder.name) / person).mkdir(parents=True)
        ...     Image.new("RGB", (20, 50)).save(Path(folder.name) / person / "1.png")
        >>> dataset = PictureDataset(folder.name, split="test", size=(32, 16))
        >>> len(dataset), dataset.labels.tolist(), dataset[0].path, dataset[0].image.shape
        (4, [0, 0, 1, 1], 'infrared/anna/1.png', torch.Size([32, 16, 3]))
        >>> folder.cleanup()
    """

    def __init__(
        self,
        data: Dataset | Path | str,
        split: Split = "train",
        *,
        size: tuple[int, int] | None = None,
        prepared: Path | str | None = None,
        trial: int = 1,
    ) -> None:
        if size is not None and (not isinstance(size, Sequence) or len(size) != 2):
            raise ConfigError(f"size: expected a height and a width, found {size!r}")
        size = None if size is None else (int(size[0]), int(size[1]))
        dataset = data if isinstance(data, Dataset) else scan(data, trial=trial)
        self.samples = _split_samples(dataset, split)
        if not len(self.samples):
            raise DatasetError(f"{dataset.root}: expected {split} pictures, found none; edit {dataset.people_lists}")
        self.root = dataset.root
        self._upright = dataset.upright
        self.classes = self.samples.people
        identities = self.samples.identities
        self.labels = np.where(identities == JUNK, JUNK, np.searchsorted(self.classes, identities))
        self.modalities = self.samples.modalities
        self._arrays: tuple[PreparedPictures, ...] | None = None
        folder = default_folder(dataset) if prepared is None else Path(prepared)
        there = all(is_there(array_files(folder, modality).images) for modality in Modality)
        if split != "test" and (there or prepared is not None):
            arrays = load_prepared(dataset, folder)
            if size in (None, arrays[0].size):
                size = arrays[0].size
                self._arrays = tuple(array.of_people(self.classes) for array in arrays)
        self.size = size or _SIZE
        # The position of each picture among those of its modality, which is its place in the arrays.
        self._positions = np.empty(len(self.samples), dtype=np.int64)
        for modality in Modality:
            rows = np.flatnonzero(self.modalities == modality)
            self._positions[rows] = np.arange(len(rows))

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Picture:
        """Read a picture.

        Raises:
            DatasetError: the file cannot be read.
        """
        index = range(len(self))[index]
        modality, path = int(self.modalities[index]), str(self.samples.paths[index])
        if self._arrays is None:
            image = load_image(self.root / path, *self.size, upright=self._upright)
        else:
            image = self._arrays[modality].read(self._positions[index : index + 1])[0]
        return Picture(
            image=torch.tensor(image),
            label=int(self.labels[index]),
            identity=int(self.samples.identities[index]),
            camera=int(self.samples.cameras[index]),
            modality=modality,
            path=path,
            row=index,
        )


class IdentitySampler(Sampler[list[int]]):
    """Batch sampler of P identities × K pictures × both modalities, visible first: the batches of `mvd train`.

    A batch lists 2·P·K positions in the data set: K visible pictures of each of the P identities, then K infrared ones
    of the same identities in the same order. The batches of an epoch depend only on (seed, epoch).

    Args:
        labels: (N,) class of each picture, such as `PictureDataset.labels`.
        modalities: (N,) `Modality` of each picture: 0 visible, 1 infrared.
        identities: P.
        pictures: K.
        steps: batches per epoch; 0 means that each picture of the larger modality is drawn once on average.
        seed: seed of the batches.

    Raises:
        ConfigError: `labels` and `modalities` are not whole numbers, or differ in length, or P or K is less than 1.
        DatasetError: there are fewer than P identities, or an identity has pictures in one modality only.

    Example:
        >>> labels, modalities = [0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 1]
        >>> sampler = IdentitySampler(labels, modalities, identities=2, pictures=1, seed=0)
        >>> len(sampler), list(sampler)
        (2, [[4, 0, 5, 1], [4, 2, 5, 3]])
        >>> sampler.set_epoch(1)
        >>> list(sampler)
        [[4, 0, 5, 1], [2, 4, 3, 5]]
    """

    def __init__(
        self,
        labels: npt.ArrayLike,
        modalities: npt.ArrayLike,
        *,
        identities: int = 8,
        pictures: int = 4,
        steps: int = 0,
        seed: int = 0,
    ) -> None:
        self.labels, self.modalities = _whole("labels", labels), _whole("modalities", modalities)
        if self.labels.ndim != 1 or self.labels.shape != self.modalities.shape:
            raise ConfigError(
                f"expected a label and a modality for each picture, found shapes {self.labels.shape} and "
                f"{self.modalities.shape}"
            )
        if min(identities, pictures) < 1 or steps < 0:
            raise ConfigError(
                f"expected identities and pictures of at least 1 and steps of at least 0, found {identities}, "
                f"{pictures} and {steps}"
            )
        self._visible, self._infrared = (np.flatnonzero(self.modalities == modality) for modality in Modality)
        self._identities, self._pictures, self._seed, self._epoch = identities, pictures, seed, 0
        self._steps = steps or steps_per_epoch(len(self._visible), len(self._infrared), identities, pictures)
        self._draw()  # so that data too small for a batch is refused here

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, from 0, of the next batches."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return self._steps

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches of the epoch."""
        visible, infrared = self._draw()
        yield from np.concatenate([self._visible[visible], self._infrared[infrared]], axis=1).tolist()

    def _draw(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        batches = identity_batches(
            self.labels[self._visible],
            self.labels[self._infrared],
            identities=self._identities,
            pictures=self._pictures,
            steps=self._steps,
            seed=self._seed,
            epoch=self._epoch,
        )
        return batches.visible, batches.infrared


def _whole(name: str, values: npt.ArrayLike) -> npt.NDArray[np.int64]:
    found = np.asarray(values)
    if found.size and found.dtype.kind not in "iu":
        raise ConfigError(f"{name}: expected whole numbers, found {found.dtype}; number the classes from 0")
    return found.astype(np.int64)


def _split_samples(dataset: Dataset, split: Split) -> Samples:
    """Return the pictures of a split; training pictures in the order of the prepared arrays."""
    match split:
        case "test":
            return dataset.test
        case "train":
            people = dataset.train.people
        case "validation":
            people = dataset.validation.people
        case "train+validation":
            return training_samples(dataset)
        case _:
            raise ConfigError(f"split: expected train, validation, train+validation or test, found {split!r}")
    both = training_samples(dataset)
    return both.take(np.isin(both.identities, people))
