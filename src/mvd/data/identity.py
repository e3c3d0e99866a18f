"""Fingerprints of data sets and people, independent of paths and lists.

A run stores those of its training data, so that figures on another data set are distinguished from its own, and people
that it was trained on are never tested unless requested.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from mvd.data.images import read_file
from mvd.data.samples import Dataset, Modality, Samples, concatenate
from mvd.errors import DatasetError

_FINGERPRINTED = 32  # pictures whose content is hashed


def fingerprint(dataset: Dataset) -> str:
    """Hash a data set: names of people, splits and pictures, and the content of some pictures.

    The path of the data set is not hashed.
    """
    tables = dataset.train, dataset.validation, dataset.test
    found = hashlib.blake2b(dataset.name.encode(), digest_size=8)
    for table in tables:
        found.update(table.to_csv().encode("utf-8", "surrogateescape"))
    paths = concatenate(list(tables)).paths
    some = np.linspace(0, len(paths) - 1, num=min(len(paths), _FINGERPRINTED), dtype=np.int64)
    found.update("".join(_content(dataset, path) for path in paths[some].tolist()).encode())
    return found.hexdigest()


def name_people(dataset: Dataset, people: Iterable[int]) -> dict[int, str]:
    """Name identities: in own pictures by names, since numbers depend on the other people; elsewhere by numbers."""
    return {identity: dataset.names.get(identity, str(identity)) for identity in people}


def mark_people(dataset: Dataset, samples: Samples) -> dict[str, int]:
    """Hash the content of the first picture of each person and modality.

    Returns:
        Identity by hash; pictures that cannot be read are omitted.
    """
    marks = {}
    for modality in Modality:
        table = samples.of(modality)
        people, first = np.unique(table.identities, return_index=True)
        for identity, path in zip(people.tolist(), table.paths[first].tolist(), strict=True):
            if mark := _content(dataset, path):
                marks[mark] = identity
    return marks


def _content(dataset: Dataset, path: str) -> str:
    try:
        return hashlib.blake2b(read_file(dataset.root / path), digest_size=8).hexdigest()
    except DatasetError:
        return ""
