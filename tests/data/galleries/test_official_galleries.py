"""The official galleries' file: round trips, the real file's conventions, and what is said of a wrong one."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import scipy.io

from mvd.data.galleries.official import Permutations, load_permutations, save_permutations
from mvd.errors import DatasetError

REAL = Path(__file__).parents[4] / "shared" / "reference" / "rand_perm_cam.mat"


def _orders(generator: np.random.Generator, pictures: int, runs: int = 10) -> npt.NDArray[np.int64]:
    return np.stack([generator.permutation(pictures) + 1 for _ in range(runs)])


def _permutations(largest: int = 12) -> Permutations:
    generator = np.random.default_rng(3)
    counts = {(1, 2): 1, (1, 7): 12, (3, 2): largest, (6, 9): 20}
    return Permutations(orders={pair: _orders(generator, n) for pair, n in counts.items()})


def _cell(values: list[object]) -> npt.NDArray[np.object_]:
    cell = np.empty((len(values), 1), dtype=object)
    for row, value in enumerate(values):
        cell[row, 0] = value
    return cell


@pytest.mark.parametrize("largest", [12, 255, 300])
def test_what_is_saved_loads_equal(tmp_path: Path, largest: int) -> None:
    saved = _permutations(largest)
    save_permutations(tmp_path / "p.mat", saved)
    loaded = load_permutations(tmp_path / "p.mat")
    assert loaded.runs == 10
    assert loaded.orders.keys() == saved.orders.keys()
    for pair, order in saved.orders.items():
        np.testing.assert_array_equal(loaded.orders[pair], order)


def test_the_bytes_do_not_depend_on_the_day(tmp_path: Path) -> None:
    save_permutations(tmp_path / "p.mat", _permutations())
    written = (tmp_path / "p.mat").read_bytes()
    assert b"Created" not in written[:124]
    assert written[:10] == b"MATLAB 5.0"
    assert written[124:128] == b"\x00\x01IM"  # version and byte order, which the header's text must not displace


def test_structure_is_that_of_the_real_file(tmp_path: Path) -> None:
    save_permutations(tmp_path / "p.mat", _permutations())
    cells = scipy.io.loadmat(tmp_path / "p.mat")["rand_perm_cam"]
    assert cells.shape == (6, 1)
    assert {cells[camera, 0].shape for camera in range(6)} == {(9, 1)}
    entries = [entry for camera in range(6) for entry in cells[camera, 0][:, 0]]
    assert {entry.dtype for entry in entries} == {np.dtype(np.uint8)}
    assert {entry.shape for entry in entries} == {(10, 0), (10, 1), (10, 12), (10, 20)}


def test_the_real_file_loads_and_survives_a_round_trip(tmp_path: Path) -> None:
    if not REAL.is_file():
        pytest.skip("shared/reference/rand_perm_cam.mat is not beside this checkout")
    real = load_permutations(REAL)
    assert real.runs == 10
    assert sum(order.shape[1] for order in real.orders.values()) == 45863
    save_permutations(tmp_path / "p.mat", real)
    again = load_permutations(tmp_path / "p.mat")
    assert again.orders.keys() == real.orders.keys()
    assert all(np.array_equal(again.orders[pair], order) for pair, order in real.orders.items())
    theirs, ours = (scipy.io.loadmat(f)["rand_perm_cam"] for f in (REAL, tmp_path / "p.mat"))
    assert ours.shape == theirs.shape
    for camera in range(6):
        known = theirs[camera, 0][:, 0]
        for mine, their in zip(ours[camera, 0][: len(known), 0], known, strict=True):
            assert (mine.dtype, mine.shape) == (their.dtype, their.shape)


def test_looking_up_who_was_not_seen_names_camera_and_identity() -> None:
    permutations = _permutations()
    assert permutations.of(1, 7).shape == (10, 12)
    with pytest.raises(DatasetError, match="identity 9 under camera 1"):
        permutations.of(1, 9)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"absent\.mat: expected the official galleries"):
        load_permutations(tmp_path / "absent.mat")


@pytest.mark.parametrize("cut", [0, 40, 130, 0.5, 0.9])
def test_a_damaged_file_is_named(tmp_path: Path, cut: float) -> None:
    file = tmp_path / "p.mat"
    save_permutations(file, _permutations())
    whole = file.read_bytes()
    file.write_bytes(whole[: int(cut * len(whole)) if cut < 1 else int(cut)])
    with pytest.raises(DatasetError, match=r"p\.mat: expected"):
        load_permutations(file)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"id": np.arange(5)}, r"p\.mat: expected a variable rand_perm_cam"),
        ({"rand_perm_cam": np.ones((6, 2))}, r"p\.mat: rand_perm_cam: expected an M × 1 cell"),
        ({"rand_perm_cam": _cell([np.ones((2, 2))] * 2)}, r"p\.mat: camera 1: expected an M × 1 cell"),
        (
            {"rand_perm_cam": _cell([_cell([np.array([[1, 2]]), np.array([[0, 1]])])] * 2)},
            r"p\.mat: camera 1, identity 2: expected each row to hold 1…2 once",
        ),
        (
            {"rand_perm_cam": _cell([_cell([np.array([[1]]), np.array([[1], [1]])])] * 2)},
            r"p\.mat: expected equally many orders",
        ),
        ({"rand_perm_cam": _cell([_cell([np.empty((10, 0))] * 2)] * 2)}, r"p\.mat: expected the orders of at least"),
    ],
)
def test_another_structure_is_named(tmp_path: Path, variables: dict[str, object], message: str) -> None:
    scipy.io.savemat(tmp_path / "p.mat", variables)
    with pytest.raises(DatasetError, match=message):
        load_permutations(tmp_path / "p.mat")


def test_no_damage_ends_the_process(tmp_path: Path) -> None:
    """Bytes inside the compressed variable are changed, which crashes SciPy's reader (SIGSEGV) 3 times in 100."""
    file = tmp_path / "p.mat"
    save_permutations(file, _permutations())
    whole = file.read_bytes()
    inside, generator = zlib.decompress(whole[136:]), np.random.default_rng(0)
    refused = 0
    for _ in range(1000):
        changed = bytearray(inside)
        for place in generator.integers(len(inside), size=generator.integers(1, 4)):
            changed[place] = generator.integers(256)
        packed = zlib.compress(changed[: generator.integers(len(inside)) if generator.random() < 0.1 else None])
        file.write_bytes(whole[:132] + len(packed).to_bytes(4, "little") + packed)
        try:
            load_permutations(file)
        except DatasetError:
            refused += 1
    assert refused > 500


@pytest.mark.parametrize("compressed", [False, True])
def test_it_is_read_as_scipy_reads_it(tmp_path: Path, compressed: bool) -> None:
    cell = _cell([_cell([np.array([[2.0, 1.0]]), np.array([[1]], np.int16)]), _cell([np.empty((1, 0))])])
    other = {"before": np.arange(3), "rand_perm_cam": cell, "text": "abc"}
    scipy.io.savemat(tmp_path / "p.mat", other, do_compression=compressed)
    assert {pair: order.tolist() for pair, order in load_permutations(tmp_path / "p.mat").orders.items()} == {
        (1, 1): [[2, 1]],
        (1, 2): [[1]],
    }


def test_orders_are_copies_that_cannot_be_changed() -> None:
    mine = np.array([[2, 1]])
    permutations = Permutations(orders={(1, 1): mine})
    mine[:] = 7
    np.testing.assert_array_equal(permutations.of(1, 1), [[2, 1]])
    with pytest.raises(ValueError, match="read-only"):
        permutations.of(1, 1)[0, 0] = 3


def test_numbers_from_zero_are_refused() -> None:
    with pytest.raises(DatasetError, match="numbered from 1"):
        Permutations(orders={(0, 1): np.array([[1]])})


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"p\.mat: expected a place to write"):
        save_permutations(tmp_path / "nowhere" / "p.mat", _permutations())
