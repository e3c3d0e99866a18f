"""Re-ranked distances against the public implementations' values, a slow loop, and what must hold of any ranking."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from mvd.errors import ProtocolError
from mvd.metrics.rerank import Reranking, rerank, rerank_descriptors

Array: TypeAlias = npt.NDArray[Any]

with np.load(Path(__file__).parents[1] / "goldens" / "rerank.npz") as file:
    GOLDEN = dict(file)

TOO_FEW = "k1_larger_than_set"


class Distances(NamedTuple):
    query_gallery: Array
    query_query: Array
    gallery_gallery: Array

    @classmethod
    def of(cls, queries: Array, gallery: Array) -> Distances:
        return cls(cdist(queries, gallery), cdist(queries, queries), cdist(gallery, gallery))


def _golden(case: str) -> tuple[Distances, dict[str, Any]]:
    k1, k2, weight = GOLDEN[f"{case}/k1_k2_lambda"]
    distances = Distances(*(GOLDEN[f"{case}/{name}"] for name in ("q_g", "q_q", "g_g")))
    return distances, {"k1": int(k1), "k2": int(k2), "weight": weight}


def _slow(given_distances: Distances, k1: int, k2: int, weight: float) -> Array:
    """Re-rank one picture at a time with sets and a full matrix, as the method reads."""
    Q, G = given_distances.query_gallery.shape
    upper = np.concatenate([given_distances.query_query, given_distances.query_gallery], axis=1)
    lower = np.concatenate([given_distances.query_gallery.T, given_distances.gallery_gallery], axis=1)
    squares = np.square(np.concatenate([upper, lower])).astype(np.float32)
    distances = squares / np.where(squares.max(axis=1) > 0, squares.max(axis=1), 1)[:, None]
    ranks = np.argsort(distances, axis=1, kind="stable")

    def reciprocal(i: int, k: int) -> set[int]:
        return {j for j in ranks[i, : k + 1].tolist() if i in ranks[j, : k + 1]}

    weights = np.zeros((Q + G, Q + G), np.float32)
    for i in range(Q + G):
        neighbours = reciprocal(i, k1)
        brought = [reciprocal(j, int(np.around(k1 / 2))) for j in neighbours]
        members = sorted(
            neighbours.union(*(other for other in brought if len(other & neighbours) > 2 / 3 * len(other)))
        )
        near = np.exp(-distances[i, members])
        weights[i, members] = near / near.sum()
    if k2 > 1:
        weights = np.stack([weights[ranks[i, :k2]].mean(axis=0) for i in range(Q + G)])
    common = np.stack([np.minimum(weights[i], weights[Q:]).sum(axis=1) for i in range(Q)])
    reranked: Array = weight * distances[:Q, Q:] + (1 - weight) * (1 - common / (2 - common))
    return reranked


class Case(NamedTuple):
    distances: Distances
    parameters: dict[str, Any]

    def rerank(self) -> Array:
        return rerank(*self.distances, **self.parameters)


@st.composite
def cases(draw: st.DrawFn, *, ties: bool = True) -> Case:
    """Draw distances of a few pictures, and parameters that fit them; with ties, of few levels, 0 among them."""
    Q, G = draw(st.integers(1, 12)), draw(st.integers(1, 30))
    seed = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pairs = np.triu_indices(Q + G, 1)
    count = len(pairs[0])
    whole = np.zeros((Q + G, Q + G))
    whole[pairs] = seed.integers(0, draw(st.integers(1, 8)), count) if ties else seed.permutation(count) + 1
    whole += whole.T
    k1 = draw(st.integers(1, Q + G - 1))
    weight = draw(st.sampled_from([0.0, 0.3, 1.0]))
    return Case(
        Distances(whole[:Q, Q:], whole[:Q, :Q], whole[Q:, Q:]),
        {"k1": k1, "k2": draw(st.integers(1, min(k1, 4))), "weight": weight},
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", sorted(set(GOLDEN["cases"].tolist()) - {TOO_FEW}))
def test_public_implementations(case: str, dtype: type) -> None:
    distances, parameters = _golden(case)
    found = rerank(*(values.astype(dtype) for values in distances), **parameters)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, GOLDEN[f"{case}/reranked"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("case", ["defaults", "small_k"])
def test_the_parameters_make_a_difference_that_the_tolerance_would_show(case: str) -> None:
    distances, parameters = _golden(case)
    for change in ({"k1": parameters["k1"] - 2}, {"k2": parameters["k2"] - 1}, {"weight": 0.31}):
        other = rerank(*distances, **(parameters | change))
        assert np.abs(other - GOLDEN[f"{case}/reranked"]).max() > 1e-3


@settings(deadline=None)
@given(cases())
def test_slow_loop(case: Case) -> None:
    expected = _slow(case.distances, **case.parameters)
    np.testing.assert_allclose(case.rerank(), expected, rtol=0, atol=1e-5)


def test_slow_loop_over_several_blocks_of_queries_and_gallery() -> None:
    generator = np.random.default_rng(3)
    people = generator.normal(size=(60, 8))
    queries = people[generator.integers(0, 60, 600)] + generator.normal(size=(600, 8)) / 2
    gallery = people[generator.integers(0, 60, 500)] + generator.normal(size=(500, 8)) / 2
    distances = Distances.of(queries, gallery)
    before = [values.copy() for values in distances]
    np.testing.assert_allclose(rerank(*distances), _slow(distances, 20, 6, 0.3), rtol=0, atol=1e-5)
    assert all(np.array_equal(*pair) for pair in zip(before, distances, strict=True))


@settings(deadline=None)
@given(cases(ties=False))
def test_a_weight_of_one_keeps_the_order(case: Case) -> None:
    found = rerank(*case.distances, **(case.parameters | {"weight": 1}))
    assert np.array_equal(np.argsort(found, axis=1), np.argsort(case.distances.query_gallery, axis=1))


@settings(deadline=None)
@given(cases(ties=False), st.randoms(use_true_random=False))
def test_the_order_of_queries_and_gallery_does_not_matter_without_ties(case: Case, order: Any) -> None:
    Q, G = case.distances.query_gallery.shape
    rows, columns = order.sample(range(Q), Q), order.sample(range(G), G)
    across, queries, gallery = case.distances
    permuted = Distances(across[np.ix_(rows, columns)], queries[np.ix_(rows, rows)], gallery[np.ix_(columns, columns)])
    found = rerank(*permuted, **case.parameters)
    np.testing.assert_allclose(found, case.rerank()[np.ix_(rows, columns)], rtol=0, atol=1e-6)


@settings(deadline=None)
@given(cases(ties=False), st.sampled_from([1e-6, 1e6]))
def test_the_unit_of_distance_does_not_matter(case: Case, unit: float) -> None:
    scaled = Distances(*(values * unit for values in case.distances))
    np.testing.assert_allclose(rerank(*scaled, **case.parameters), case.rerank(), rtol=0, atol=1e-6)


@settings(deadline=None)
@given(cases())
def test_distances_stay_between_zero_and_one(case: Case) -> None:
    found = case.rerank()
    assert found.min() >= -1e-6
    assert found.max() <= 1 + 1e-6


def test_pictures_of_one_person_who_share_their_neighbours_come_first() -> None:
    # A query of camera b, which is nearer to a stranger than to its own person; its person's other pictures of
    # camera b lead there.
    own, stranger = np.array([[0.0], [0.4], [0.8], [1.2], [1.6]]), np.array([[-1.1], [-3.0], [-3.2], [-3.4], [-3.6]])
    queries, gallery = own[:1], np.concatenate([stranger, own[1:]])
    distances = Distances.of(queries, gallery)
    assert distances.query_gallery[0].argsort().tolist()[:3] == [5, 6, 0]
    found = rerank(*distances, k1=4, k2=1, weight=0.3)
    assert set(found[0].argsort()[:4].tolist()) == {5, 6, 7, 8}


def test_equal_distances_are_taken_by_index_queries_first() -> None:
    # Query 0 has query 1 and three gallery pictures at the same distance, and room for two of the four.
    around = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    queries, gallery = np.concatenate([np.zeros((1, 2)), around[:1]]), around[1:]
    found = rerank(*Distances.of(queries, gallery), k1=2, k2=1, weight=0.0)
    assert found[0, 0] < 1
    assert found[0, 1:].tolist() == [1, 1]


def test_pictures_that_are_all_alike_are_a_ranking_too() -> None:
    found = rerank(np.zeros((3, 40)), np.zeros((3, 3)), np.zeros((40, 40)))
    np.testing.assert_allclose(
        found, _slow(Distances(np.zeros((3, 40)), np.zeros((3, 3)), np.zeros((40, 40))), 20, 6, 0.3)
    )


@pytest.mark.parametrize("scale", [1, 1e-30, 1e30])
def test_descriptors_are_compared_by_direction(scale: float) -> None:
    generator = np.random.default_rng(7)
    rows = generator.normal(size=(50, 5)).astype(np.float32)
    queries, gallery = rows[:9], rows[9:]
    expected = rerank(
        *Distances.of(*(part / np.linalg.norm(part, axis=1, keepdims=True) for part in (queries, gallery)))
    )
    found = rerank_descriptors(queries * np.float32(scale), gallery, Reranking())
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_a_zero_descriptor_is_as_far_from_all_others_and_is_its_own_neighbour() -> None:
    descriptors = np.random.default_rng(8).normal(size=(30, 6)).astype(np.float32)
    descriptors[2] = 0
    units = descriptors / np.maximum(np.linalg.norm(descriptors, axis=1, keepdims=True), 1e-9)
    whole = np.sqrt(np.maximum(2 - 2 * units.astype(float) @ units.T, 0))
    np.fill_diagonal(whole, 0)
    expected = rerank(whole[:5, 5:], whole[:5, :5], whole[5:, 5:])
    found = rerank_descriptors(descriptors[:5], descriptors[5:], Reranking())
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_a_query_finds_itself_in_the_gallery() -> None:
    descriptors = np.random.default_rng(9).normal(size=(40, 2000)).astype(np.float32)  # some cosines round to over 1
    found = rerank_descriptors(descriptors[:20], descriptors, Reranking())
    assert np.array_equal(found.argmin(axis=1), np.arange(20))


def test_more_neighbours_than_pictures_are_an_error() -> None:
    distances, parameters = _golden(TOO_FEW)
    with pytest.raises(
        ProtocolError, match="k1 of at most 16, the others of 5 queries and 12 gallery pictures, found 20"
    ):
        rerank(*distances, **parameters)
    assert rerank(*distances, k1=16).shape == (5, 12)
    with pytest.raises(ProtocolError, match="k1 of at most 16"):
        rerank_descriptors(np.eye(5, 8, dtype=np.float32), np.ones((12, 8), np.float32), Reranking())


@pytest.mark.parametrize(
    ("field", "shape", "message"),
    [
        ("query_gallery", (0, 9), "at least one query and one gallery picture, found \\(0, 9\\)"),
        ("query_gallery", (9,), "at least one query and one gallery picture, found \\(9,\\)"),
        ("query_query", (9, 9), "query_query of shape \\(3, 3\\), as query_gallery has it, found \\(9, 9\\)"),
        ("gallery_gallery", (9, 3), "gallery_gallery of shape \\(9, 9\\), as query_gallery has it, found \\(9, 3\\)"),
    ],
)
def test_shapes_that_disagree_name_the_matrix(field: str, shape: tuple[int, ...], message: str) -> None:
    whole = Distances(np.ones((3, 9)), np.ones((3, 3)), np.ones((9, 9)))
    with pytest.raises(ProtocolError, match=message):
        rerank(*whole._replace(**{field: np.ones(shape)}), k1=2, k2=1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.5, 1e20])
@pytest.mark.parametrize("field", Distances._fields)
def test_what_is_no_distance_names_the_matrix(field: str, value: float) -> None:
    whole = Distances(np.ones((3, 9)), np.ones((3, 3)), np.ones((9, 9)))
    getattr(whole, field)[1, 2] = value
    with pytest.raises(ProtocolError, match=f"distances in {field} from 0 to 1.8e\\+19, found .*Euclidean"):
        rerank(*whole, k1=2, k2=1)


def test_descriptors_of_two_widths_or_not_finite_are_an_error() -> None:
    queries, gallery = np.ones((3, 4), np.float32), np.ones((30, 4), np.float32)
    with pytest.raises(ProtocolError, match=r"of one width, found \(3, 4\) and \(30, 3\)"):
        rerank_descriptors(queries, gallery[:, :3], Reranking())
    gallery[5, 1] = np.nan
    with pytest.raises(ProtocolError, match="finite descriptors in gallery"):
        rerank_descriptors(queries, gallery, Reranking())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"k1": 0, "k2": 0}, "k1 of at least 1, found 0"),
        ({"k2": 0}, "k2 from 1 to k1, which is 20, found 0"),
        ({"k1": 5}, "k2 from 1 to k1, which is 5, found 6"),
        ({"weight": -0.1}, "weight from 0 to 1, found -0.1"),
        ({"weight": 1.5}, "weight from 0 to 1, found 1.5"),
        ({"weight": float("nan")}, "weight from 0 to 1, found nan"),
    ],
)
def test_a_parameter_out_of_range_is_named(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        Reranking(**parameters)
    with pytest.raises(ProtocolError, match=message):
        rerank(np.ones((5, 30)), np.ones((5, 5)), np.ones((30, 30)), **parameters)


def test_the_name_says_every_parameter() -> None:
    assert Reranking().name == "k-reciprocal (k1 20, k2 6, λ 0.3)"
    assert Reranking(k1=30, k2=1, weight=0.15).name == "k-reciprocal (k1 30, k2 1, λ 0.15)"
    assert Reranking(weight=1).name == "k-reciprocal (k1 20, k2 6, λ 1)"
