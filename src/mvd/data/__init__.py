"""Data sets: scanned into tables, checked, prepared as arrays, sampled into identity batches.

    from mvd.data import IdentitySampler, PictureDataset

    dataset = PictureDataset("SYSU-MM01", split="train")
    sampler = IdentitySampler(dataset.labels, dataset.modalities, identities=8, pictures=4, seed=0)
    loader = torch.utils.data.DataLoader(dataset, batch_sampler=sampler)

The names below are imported when they are first used; PyTorch only by `IdentitySampler` and `PictureDataset`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mvd.data.augment import AugmentDraws, draw_augmentation
    from mvd.data.checking.check import Inspection, check_dataset
    from mvd.data.datasets import IdentitySampler, Picture, PictureDataset
    from mvd.data.galleries.official import Permutations, load_permutations, save_permutations
    from mvd.data.images import load_image
    from mvd.data.layouts import register, scan
    from mvd.data.prepared.arrays import PreparedPictures, default_folder, load_prepared
    from mvd.data.prepared.prepare import prepare_arrays
    from mvd.data.samples import Dataset, Modality, Row, Samples, concatenate, from_rows, load_samples
    from mvd.data.sampling import EpochBatches, identity_batches
    from mvd.data.split import split_people

_MODULES = {
    "prepared.arrays": ("PreparedPictures", "default_folder", "load_prepared"),
    "augment": ("AugmentDraws", "draw_augmentation"),
    "checking.check": ("Inspection", "check_dataset"),
    "datasets": ("IdentitySampler", "Picture", "PictureDataset"),
    "images": ("load_image",),
    "layouts": ("register", "scan"),
    "galleries.official": ("Permutations", "load_permutations", "save_permutations"),
    "prepared.prepare": ("prepare_arrays",),
    "samples": ("Dataset", "Modality", "Row", "Samples", "concatenate", "from_rows", "load_samples"),
    "sampling": ("EpochBatches", "identity_batches"),
    "split": ("split_people",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AugmentDraws",
    "Dataset",
    "EpochBatches",
    "IdentitySampler",
    "Inspection",
    "Modality",
    "Permutations",
    "Picture",
    "PictureDataset",
    "PreparedPictures",
    "Row",
    "Samples",
    "check_dataset",
    "concatenate",
    "default_folder",
    "draw_augmentation",
    "from_rows",
    "identity_batches",
    "load_image",
    "load_permutations",
    "load_prepared",
    "load_samples",
    "prepare_arrays",
    "register",
    "save_permutations",
    "scan",
    "split_people",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
