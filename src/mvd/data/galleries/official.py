"""Read and write the official galleries of SYSU-MM01: `exp/rand_perm_cam.mat`.

For each camera and identity the file contains ten random orders of the person's pictures; the gallery of run r in the
official protocol is the first picture (single-shot) or the first ten (multi-shot) of order r. The variable
`rand_perm_cam` is a cell array (cameras × 1) of cell arrays (identities × 1) of matrices (runs × pictures), uint8, with
numbers from 1; a matrix has no columns if the camera did not see the person. Number k is the k-th picture of the sorted
folder.

Shapes: R runs, n pictures of one identity under one camera.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from mvd.data.galleries.matlab import DamagedFileError, read_cell
from mvd.errors import DatasetError, needing_scipy
from mvd.files.atomic import replacing
from mvd.files.regular import is_there, require_regular

_VARIABLE = "rand_perm_cam"
_HEADER = b"MATLAB 5.0 MAT-file, random orders of each identity's pictures by camera"
_HEADER_BYTES = 116  # free text of a level 5 MAT-file, into which SciPy writes the date


@dataclass(frozen=True, kw_only=True, eq=False)
class Permutations:
    """R random orders of each identity's pictures by each camera.

    Attributes:
        orders: (camera, identity) → (R, n) int64, read-only; each row is 1…n in some order. Cameras and identities
            are numbered from 1; pairs without pictures are omitted.
    """

    orders: Mapping[tuple[int, int], npt.NDArray[np.int64]]

    def __post_init__(self) -> None:
        if not self.orders:
            raise DatasetError("expected the orders of at least one identity, found none")
        checked = {(int(c), int(i)): _check_order(o, f"camera {c}, identity {i}") for (c, i), o in self.orders.items()}
        if min(min(pair) for pair in checked) < 1:
            raise DatasetError(f"expected cameras and identities numbered from 1, found {min(checked)}")
        runs = {len(order) for order in checked.values()}
        if len(runs) != 1:
            raise DatasetError(f"expected equally many orders for every identity, found {sorted(runs)}")
        object.__setattr__(self, "orders", MappingProxyType(checked))

    @property
    def runs(self) -> int:
        """R, the number of galleries; ten in the official file."""
        return len(next(iter(self.orders.values())))

    def of(self, camera: int, identity: int) -> npt.NDArray[np.int64]:
        """Return the (R, n) orders of one identity's pictures by one camera.

        Raises:
            DatasetError: the camera has no pictures of the identity.
        """
        try:
            return self.orders[camera, identity]
        except KeyError:
            raise DatasetError(
                f"expected {_VARIABLE} to order the pictures of identity {identity} under camera {camera}, found none; "
                "the file belongs to another set of pictures"
            ) from None


def load_permutations(file: Path) -> Permutations:
    """Read `rand_perm_cam.mat`.

    Args:
        file: a MATLAB file of level 5, from SYSU-MM01 or `save_permutations`.

    Raises:
        DatasetError: the file is missing or damaged, or does not have the structure above.
    """
    if not is_there(file):
        raise DatasetError(f"{file}: expected the official galleries of SYSU-MM01, found no such file; copy it there")
    try:
        require_regular(file)
        found = read_cell(file.read_bytes(), _VARIABLE)
    except (OSError, DamagedFileError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DatasetError(f"{file}: expected a MATLAB file, could not read it ({reason}); copy it again") from error
    if found is None:
        raise DatasetError(f"{file}: expected a variable {_VARIABLE}, found none; is it another MATLAB file?")
    cameras = _cells(found, f"{file}: {_VARIABLE}")
    orders: dict[tuple[int, int], npt.NDArray[np.int64]] = {}
    for camera, people in enumerate(cameras, start=1):
        for identity, order in enumerate(_cells(people, f"{file}: camera {camera}"), start=1):
            if order.size:
                orders[camera, identity] = _check_order(order, f"{file}: camera {camera}, identity {identity}")
    try:
        return Permutations(orders=orders)
    except DatasetError as error:
        raise DatasetError(f"{file}: {error}") from error


def save_permutations(file: Path, permutations: Permutations) -> None:
    """Write `rand_perm_cam.mat`; equal orders give equal bytes.

    Args:
        file: the file; an existing file is replaced.
        permutations: the orders; stored as uint8, or as uint16 if a person has more than 255 pictures.

    Raises:
        DatasetError: the file cannot be written.
        MissingPackageError: SciPy is not installed.
    """
    with needing_scipy(f"{file}"):
        from scipy.io import savemat
    width = max(order.shape[1] for order in permutations.orders.values())
    dtype = np.uint8 if width <= np.iinfo(np.uint8).max else np.uint16
    absent = np.empty((permutations.runs, 0), dtype)
    identities = max(identity for _, identity in permutations.orders)
    cells = np.empty((max(camera for camera, _ in permutations.orders), 1), dtype=object)
    for camera in range(len(cells)):
        people = np.empty((identities, 1), dtype=object)
        for identity in range(identities):
            order = permutations.orders.get((camera + 1, identity + 1))
            people[identity, 0] = absent if order is None else order.astype(dtype)
        cells[camera, 0] = people
    try:
        with replacing(file) as temporary:
            savemat(temporary, {_VARIABLE: cells}, appendmat=False, do_compression=True)
            with temporary.open("r+b") as written:
                written.write(_HEADER.ljust(_HEADER_BYTES))
    except OSError as error:
        raise DatasetError(f"{file}: expected a place to write galleries to, could not ({error.strerror})") from error


def _cells(value: npt.NDArray[np.object_], where: str) -> npt.NDArray[np.object_]:
    """Return the entries (M,) of an M × 1 cell."""
    if value.dtype != object or value.ndim != 2 or 1 not in value.shape:
        raise DatasetError(f"{where}: expected an M × 1 cell, found {value.dtype} of shape {value.shape}")
    return value.ravel()


def _check_order(order: npt.ArrayLike, where: str) -> npt.NDArray[np.int64]:
    """Return the orders as a read-only (R, n) int64 copy, each row a permutation of 1…n."""
    found = np.array(order)
    if found.dtype.kind not in "iuf" or found.ndim != 2 or not found.size:
        raise DatasetError(f"{where}: expected runs × pictures of numbers, found {found.dtype} of shape {found.shape}")
    if not np.array_equal(np.sort(found, axis=1), np.broadcast_to(np.arange(1, found.shape[1] + 1), found.shape)):
        raise DatasetError(f"{where}: expected each row to hold 1…{found.shape[1]} once, found another")
    numbers = found.astype(np.int64)
    numbers.flags.writeable = False
    return numbers
