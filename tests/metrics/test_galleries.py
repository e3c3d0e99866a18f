"""Who asks and what is drawn: the reference implementations' choices, and the official ones' numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

from mvd.data.galleries.official import Permutations, load_permutations
from mvd.data.samples import Modality, Samples
from mvd.errors import ProtocolError
from mvd.metrics.cmc import Labels, score
from mvd.metrics.galleries import draw_gallery, draw_trials, query_rows
from mvd.metrics.protocols import llcm_protocol, own_protocol, regdb_protocol, sysu_protocol

if TYPE_CHECKING:
    from metrics.conftest import Sysu

REAL = Path(__file__).parents[3] / "shared" / "reference" / "rand_perm_cam.mat"
SEARCHES: tuple[Literal["all", "indoor"], ...] = ("all", "indoor")

with np.load(Path(__file__).parents[1] / "goldens" / "selection.npz") as file:
    GOLDEN: dict[str, npt.NDArray[Any]] = dict(file)


def _selection_samples() -> tuple[Samples, npt.NDArray[np.intp]]:
    """Make the table of the test people's files, shuffled, and each row's index into the golden's paths."""
    test_people = [int(identity) for identity in GOLDEN["sysu_test_id_line"].item().split(",")]
    parts = [path.split("/") for path in GOLDEN["sysu_paths"].tolist()]
    identities = np.array([int(folder) for _, folder, _ in parts])
    cameras = np.array([int(camera.removeprefix("cam")) for camera, _, _ in parts])
    kept = np.flatnonzero(np.isin(identities, test_people))
    kept = np.random.default_rng(0).permutation(kept)
    infrared = np.where(np.isin(cameras, (3, 6)), Modality.INFRARED, Modality.VISIBLE)
    table = Samples(paths=GOLDEN["sysu_paths"], identities=identities, cameras=cameras, modalities=infrared)
    return table.take(kept), kept


@pytest.mark.parametrize("search", SEARCHES)
def test_seeded_galleries_are_those_of_the_reference(search: Literal["all", "indoor"]) -> None:
    samples, index = _selection_samples()
    protocol = sysu_protocol(search, "seeded")
    expected = GOLDEN[f"sysu_{search}_gallery_seeds0to9"]
    drawn = np.array([index[draw_gallery(protocol, samples, trial)] for trial in range(10)])
    assert np.array_equal(drawn, expected)
    first = samples.take(draw_gallery(protocol, samples, 0))
    assert np.array_equal(first.identities, GOLDEN[f"sysu_{search}_gallery_pid"])
    assert np.array_equal(first.cameras, GOLDEN[f"sysu_{search}_gallery_cam"])


@pytest.mark.parametrize("search", SEARCHES)
def test_queries_are_those_of_the_reference(search: Literal["all", "indoor"]) -> None:
    samples, index = _selection_samples()
    rows = query_rows(sysu_protocol(search, "seeded"), samples)
    assert (np.diff(rows) > 0).all()
    assert sorted(index[rows]) == sorted(GOLDEN[f"sysu_{search}_query"])


def test_ten_seeded_shots_are_distinct_pictures_of_each_folder_and_all_of_a_small_one() -> None:
    samples, _ = _selection_samples()
    protocol = sysu_protocol("all", "seeded", 10)
    rows = draw_gallery(protocol, samples, 3)
    assert len(set(rows.tolist())) == len(rows)
    visible = samples.take(np.isin(samples.cameras, protocol.gallery_cameras or ()))
    pairs, available = np.unique(np.stack([visible.identities, visible.cameras]), axis=1, return_counts=True)
    gallery = samples.take(rows)
    taken = [((gallery.identities == i) & (gallery.cameras == c)).sum() for i, c in pairs.T]
    assert taken == np.minimum(available, 10).tolist()
    assert np.array_equal(rows, draw_gallery(protocol, samples, 3))
    # With one picture fewer than there are, the sample is a choice, and trials differ.
    two = replace(protocol, shots=2)
    assert not np.array_equal(draw_gallery(two, samples, 0), draw_gallery(two, samples, 1))


def _llcm_samples() -> tuple[Samples, npt.NDArray[np.intp]]:
    """Make the table of LLCM's test people's files, shuffled, and each row's index into the golden's paths."""
    test_people = [int(identity) for identity in GOLDEN["llcm_test_id_line"].item().split(",")]
    parts = [path.split("/") for path in GOLDEN["llcm_paths"].tolist()]
    identities = np.array([int(folder) for _, _, folder, _ in parts])
    kept = np.random.default_rng(0).permutation(np.flatnonzero(np.isin(identities, test_people)))
    table = Samples(
        paths=GOLDEN["llcm_paths"],
        identities=identities,
        cameras=np.array([int(camera.removeprefix("cam")) for _, camera, _, _ in parts]),
        modalities=np.array([Modality.VISIBLE if top == "test_vis" else Modality.INFRARED for top, *_ in parts]),
    )
    return table.take(kept), kept


LLCM = {
    "ir2vis": llcm_protocol("infrared-to-visible"),
    "vis2ir": llcm_protocol("visible-to-infrared"),
    "vis2ir_ascode_swapped": llcm_protocol("visible-to-infrared", transposed=True),
}


@pytest.mark.parametrize("case", LLCM)
def test_llcm_draws_and_scores_as_the_reference(case: str) -> None:
    protocol, side = LLCM[case], case.removesuffix("_ascode_swapped")
    samples, index = _llcm_samples()
    features = GOLDEN["llcm_features"].astype(np.float64)
    trials = draw_trials(protocol, samples)
    assert len(trials) == 10
    for number, trial in enumerate(trials):
        drawn, rest = reversed(trial) if not protocol.transposed else trial
        assert np.array_equal(index[drawn], GOLDEN[f"llcm_{side}_gallery_seeds0to9"][number])
        assert sorted(index[rest]) == sorted(GOLDEN[f"llcm_{side}_query"])
        found = score(
            -(features[index[trial.queries]] @ features[index[trial.gallery]].T),
            Labels.of(samples.take(trial.queries)),
            Labels.of(samples.take(trial.gallery)),
            exclusion=protocol.exclusion,
            counting=protocol.counting,
        )
        np.testing.assert_allclose(found.cmc, GOLDEN[f"llcm_{case}_cmc"][number], rtol=0, atol=1e-6)
        assert (found.mAP, found.mINP) == pytest.approx(
            tuple(GOLDEN[f"llcm_{case}_mAP_mINP"][number]), rel=0, abs=1e-12
        )


def _table(rows: list[tuple[int, int, Modality]]) -> Samples:
    """Make a table of (identity, camera, modality)."""
    identities, cameras, modalities = zip(*rows, strict=True)
    return Samples(
        paths=np.array([f"{number}.jpg" for number in range(len(rows))]),
        identities=np.array(identities),
        cameras=np.array(cameras),
        modalities=np.array(modalities),
    )


SEEN, UNSEEN = Modality.VISIBLE, Modality.INFRARED


def test_regdb_asks_and_searches_everything() -> None:
    samples = _table([(1, 1, SEEN), (1, 2, UNSEEN), (2, 1, SEEN), (2, 2, UNSEEN), (2, 2, UNSEEN)])
    (trial,) = draw_trials(regdb_protocol("visible-to-thermal", 4), samples)
    assert (trial.queries.tolist(), trial.gallery.tolist()) == ([0, 2], [1, 3, 4])
    (back,) = draw_trials(regdb_protocol("thermal-to-visible", 4), samples)
    assert (back.queries.tolist(), back.gallery.tolist()) == ([1, 3, 4], [0, 2])


def test_own_pictures_under_the_querys_camera_count_only_where_it_is_not_known() -> None:
    samples = _table([(1, 5, UNSEEN), (1, 0, UNSEEN), (1, 5, SEEN), (1, 0, SEEN), (2, 5, SEEN)])
    distances = np.array([[0.1, 0.3, 0.2], [0.3, 0.2, 0.1]])
    (trial,) = draw_trials(own_protocol("infrared-to-visible", cameras=True), samples)
    labels = [Labels.of(samples.take(rows)) for rows in trial]

    def precision(cameras: bool) -> float:
        protocol = own_protocol("infrared-to-visible", cameras=cameras)
        return score(distances, *labels, exclusion=protocol.exclusion, counting=protocol.counting).mAP

    # Query 0: of (own camera 0.1, other person 0.2, unknown camera 0.3) the first is left out: AP 1/2. Query 1, whose
    # camera is not known, sees the other person, then both matches: AP (1/2 + 2/3) / 2.
    assert precision(True) == pytest.approx((1 / 2 + (1 / 2 + 2 / 3) / 2) / 2)
    assert precision(False) == pytest.approx(((1 + 2 / 3) / 2 + (1 / 2 + 2 / 3) / 2) / 2)


@pytest.mark.parametrize(
    ("search", "shots", "gallery"), [("all", 1, 301), ("all", 10, 3010), ("indoor", 1, 112), ("indoor", 10, 1120)]
)
def test_official_galleries_take_the_first_pictures_of_the_trials_order(
    sysu: Sysu, search: Literal["all", "indoor"], shots: Literal[1, 10], gallery: int
) -> None:
    protocol = sysu_protocol(search, "official", shots)
    assert len(query_rows(protocol, sysu.samples)) == 3803
    for trial in (0, 9):
        rows = draw_gallery(protocol, sysu.samples, trial, sysu.permutations)
        assert len(set(rows.tolist())) == len(rows) == gallery
        expected = {
            f"cam{camera}/{identity:04d}/{picture:04d}.jpg"
            for (camera, identity), order in sysu.permutations.orders.items()
            if camera in (protocol.gallery_cameras or ())
            for picture in order[trial, :shots].tolist()
        }
        assert set(sysu.samples.paths[rows].tolist()) == expected


def test_the_official_file_draws_what_the_goldens_hold(sysu: Sysu) -> None:
    if not REAL.is_file():
        pytest.skip("rand_perm_cam.mat is not at ../shared/reference; it is not ours to redistribute")
    official = load_permutations(REAL)
    protocol = sysu_protocol("all", "official", 10)
    for trial in range(10):
        rows = draw_gallery(protocol, sysu.samples, trial, official)
        assert np.array_equal(rows, draw_gallery(protocol, sysu.samples, trial, sysu.permutations))


@pytest.mark.parametrize("trial", [-1, 10])
def test_a_trial_out_of_range_is_an_error(trial: int) -> None:
    samples, _ = _selection_samples()
    with pytest.raises(ProtocolError, match=f"a trial from 0 to 9, found {trial}"):
        draw_gallery(sysu_protocol("all", "seeded"), samples, trial)


def test_pictures_of_one_modality_alone_are_an_error() -> None:
    samples, _ = _selection_samples()
    protocol = sysu_protocol("indoor", "seeded")
    with pytest.raises(ProtocolError, match="gallery: expected visible pictures of cameras 1, 2, found none"):
        draw_gallery(protocol, samples.of(Modality.INFRARED), 0)
    with pytest.raises(ProtocolError, match="queries: expected infrared pictures of cameras 3, 6, found none"):
        query_rows(protocol, samples.of(Modality.VISIBLE))


def test_official_galleries_without_permutations_are_an_error(sysu: Sysu) -> None:
    with pytest.raises(ProtocolError, match=r"put rand_perm_cam\.mat"):
        draw_gallery(sysu_protocol("all", "official"), sysu.samples, 0)


def test_permutations_that_do_not_fit_the_pictures_name_camera_and_identity(sysu: Sysu) -> None:
    protocol = sysu_protocol("all", "official")
    (camera, identity), order = next(iter(sysu.permutations.orders.items()))
    where = f"camera {camera}, identity {identity}: the official permutations order"
    n = order.shape[1]
    lacking = {pair: orders for pair, orders in sysu.permutations.orders.items() if pair != (camera, identity)}
    with pytest.raises(ProtocolError, match=f"{where} 0 pictures, found {n}"):
        draw_gallery(protocol, sysu.samples, 0, Permutations(orders=lacking))
    theirs = (sysu.samples.cameras == camera) & (sysu.samples.identities == identity)
    fewer = np.delete(np.arange(len(sysu.samples)), np.flatnonzero(theirs)[0])
    with pytest.raises(ProtocolError, match=f"{where} {n} pictures, found {n - 1}"):
        draw_gallery(protocol, sysu.samples.take(fewer), 0, sysu.permutations)
    with pytest.raises(ProtocolError, match=f"{where} {n} pictures, found 0"):
        draw_gallery(protocol, sysu.samples.take(~theirs), 0, sysu.permutations)


def test_permutations_of_too_few_trials_are_an_error(sysu: Sysu) -> None:
    short = Permutations(orders={pair: order[:4] for pair, order in sysu.permutations.orders.items()})
    with pytest.raises(ProtocolError, match="permutations of 10 trials, found 4"):
        draw_gallery(sysu_protocol("all", "official"), sysu.samples, 4, short)
