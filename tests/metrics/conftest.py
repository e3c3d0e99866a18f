"""The official SYSU-MM01 test set of the golden files: a table, small descriptors, and the drawn galleries."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from mvd.data.galleries.official import Permutations
from mvd.data.samples import Modality, Samples

GOLDENS = Path(__file__).parents[1] / "goldens"


class Sysu(NamedTuple):
    samples: Samples
    descriptors: npt.NDArray[np.float64]
    permutations: Permutations
    expected: dict[str, npt.NDArray[Any]]


@pytest.fixture(scope="session")
def sysu() -> Sysu:
    with np.load(GOLDENS / "sysu_official.npz") as file:
        golden = dict(file)
    cameras, identities = golden["cam"].astype(int), golden["pid"].astype(int)
    paths, pictures = [], dict[tuple[int, int], int]()
    for pair in zip(cameras.tolist(), identities.tolist(), strict=True):
        pictures[pair] = pictures.get(pair, 0) + 1
        paths.append(f"cam{pair[0]}/{pair[1]:04d}/{pictures[pair]:04d}.jpg")
    samples = Samples(
        paths=np.array(paths),
        identities=identities,
        cameras=cameras,
        modalities=np.where(np.isin(cameras, (3, 6)), Modality.INFRARED, Modality.VISIBLE),
    )
    # The golden keeps the first ten numbers of each order, which is all that a protocol reads.
    orders = {}
    galleries = zip(golden["gallery_cam"].tolist(), golden["gallery_pid"].tolist(), strict=True)
    for pair, first in zip(galleries, golden["gallery_perm10"].astype(int), strict=True):
        rest = [np.setdiff1d(np.arange(1, pictures[pair] + 1), run) for run in first]
        orders[pair] = np.concatenate([first, rest], axis=1)
    return Sysu(samples, golden["features"].astype(np.float64), Permutations(orders=orders), golden)
