"""Every protocol on a tree of files: queries and galleries counted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import write_llcm, write_own_folder, write_own_table, write_regdb, write_tree

from mvd.data.galleries.official import Permutations
from mvd.data.layouts import scan
from mvd.data.samples import Dataset, Modality
from mvd.metrics.features import Features
from mvd.metrics.protocols import protocols_of, select_protocols
from mvd.metrics.rerank import Reranking
from mvd.metrics.scores import Scores, evaluate


def _evaluate(dataset: Dataset, name: str, reranking: Reranking | None = None) -> Scores:
    known = protocols_of(dataset.name, trial=dataset.trial or 1, cameras=bool(dataset.test.cameras.any()))
    (protocol,) = select_protocols(known, [name])
    people, index = np.unique(dataset.test.identities, return_inverse=True)
    descriptors = np.random.default_rng(0).standard_normal((len(dataset.test), 8)).astype(np.float32)
    descriptors += 9 * np.eye(len(people), 8, dtype=np.float32)[index]
    return evaluate(
        Features(descriptors=descriptors, samples=dataset.test),
        protocol,
        _permutations(dataset) if name.endswith("official") else None,
        reranking=reranking,
    )


def _permutations(dataset: Dataset) -> Permutations:
    visible = dataset.test.of(Modality.VISIBLE)
    pairs, counts = np.unique(np.stack([visible.cameras, visible.identities]), axis=1, return_counts=True)
    orders = {
        (int(camera), int(person)): np.tile(np.arange(1, count + 1), (10, 1))
        for (camera, person), count in zip(pairs.T, counts, strict=True)
    }
    return Permutations(orders=orders)


# Three test people, twelve pictures of each by each of six cameras: 3 × 2 × 12 infrared pictures ask. Person 6 was not
# seen indoors by colour cameras, so 2 × 2 × 12 queries have a match there.
@pytest.fixture(scope="module")
def sysu(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = write_tree(tmp_path_factory.mktemp("sysu"), train=(1,), val=(2,), test=(5, 6, 7), pictures=12)
    for camera in (1, 2):
        for file in (root / f"cam{camera}" / "0006").iterdir():
            file.unlink()
    return scan(root)


@pytest.mark.parametrize("galleries", ["official", "seeded"])
@pytest.mark.parametrize(
    ("search", "shots", "gallery", "valid"),
    [
        ("all", "single", 2 * 4 + 2, 72),
        ("all", "multi", 10 * (2 * 4 + 2), 72),
        ("indoor", "single", 2 * 2, 48),
        ("indoor", "multi", 10 * 2 * 2, 48),
    ],
)
def test_sysu(sysu: Dataset, search: str, shots: str, galleries: str, gallery: int, valid: int) -> None:
    result = _evaluate(sysu, f"sysu/{search}-search/{shots}-shot/{galleries}")
    assert (result.queries, result.valid_queries, result.gallery, result.people) == (72, valid, gallery, 3)
    assert result.trials == 10


# Six people, three of them in a trial's test, two pictures in each modality.
@pytest.mark.parametrize("direction", ["visible-to-thermal", "thermal-to-visible"])
@pytest.mark.parametrize("trial", [1, 10])
def test_regdb(tmp_path: Path, direction: str, trial: int) -> None:
    result = _evaluate(scan(write_regdb(tmp_path), trial=trial), f"regdb/{direction}/trial-{trial}")
    assert (result.queries, result.valid_queries, result.gallery, result.people, result.trials) == (6, 6, 6, 3, 1)
    assert result.cmc.shape == (1, 6)  # pictures are counted


# Two test people, two pictures by each of nine visible and eight infrared cameras.
@pytest.mark.parametrize(
    ("name", "queries", "gallery"),
    [
        ("infrared-to-visible/seeded", 2 * 2 * 8, 2 * 9),
        ("visible-to-infrared/seeded", 2 * 2 * 9, 2 * 8),
        ("visible-to-infrared/seeded/transposed-as-released", 2 * 8, 2 * 2 * 9),
    ],
)
def test_llcm(tmp_path: Path, name: str, queries: int, gallery: int) -> None:
    result = _evaluate(scan(write_llcm(tmp_path)), f"llcm/{name}")
    assert (result.queries, result.valid_queries, result.gallery, result.people) == (queries, queries, gallery, 2)
    assert (result.trials, result.cmc.shape) == (10, (10, 2))


# Four people, two pictures of each in each modality; in the table, modalities have a camera each.
@pytest.mark.parametrize("direction", ["infrared-to-visible", "visible-to-infrared"])
def test_own_pictures(tmp_path: Path, direction: str) -> None:
    for data, name in (
        (write_own_folder(tmp_path / "folder"), f"own/{direction}"),
        (write_own_table(tmp_path / "table.csv"), f"own/{direction}/other-cameras"),
    ):
        result = _evaluate(scan(data), name)
        assert (result.queries, result.valid_queries, result.gallery, result.people) == (8, 8, 8, 4)


def test_a_query_seen_by_its_own_camera_alone_is_counted_and_left_out(tmp_path: Path) -> None:
    table = write_own_table(tmp_path / "table.csv")
    # All of Anna was seen at the hall, so nothing of her counts.
    table.write_text(table.read_text().replace("anna,gate", "anna,hall"))
    result = _evaluate(scan(table), "own/infrared-to-visible/other-cameras")
    assert (result.queries, result.valid_queries, result.gallery) == (8, 6, 8)


def test_re_ranking_keeps_what_is_counted_and_says_so(sysu: Dataset) -> None:
    plain = _evaluate(sysu, "sysu/indoor-search/single-shot/seeded")
    again = _evaluate(sysu, "sysu/indoor-search/single-shot/seeded", Reranking(k1=5, k2=2))
    assert (again.queries, again.valid_queries, again.gallery) == (plain.queries, plain.valid_queries, plain.gallery)
    assert plain.ranking == "cosine"
    assert again.ranking == "cosine + k-reciprocal (k1 5, k2 2, λ 0.3)"
    # The weight of the plain distance alone leaves the plain order.
    assert _evaluate(sysu, plain.protocol, Reranking(k1=5, k2=2, weight=1)).mAP.tolist() == plain.mAP.tolist()
