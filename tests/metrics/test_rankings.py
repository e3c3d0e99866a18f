"""Ranked lists: the figures follow from them alone, whatever the blocks; files are whole, and read without pickles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mvd.data.samples import Modality, Samples
from mvd.errors import ProtocolError
from mvd.metrics import (
    Counting,
    Features,
    Protocol,
    RankedLists,
    Reranking,
    evaluate,
    llcm_protocol,
    load_rankings,
    rank,
    save_rankings,
    sysu_protocol,
)
from mvd.metrics.rankings import ENTRY


@pytest.fixture
def features() -> Features:
    """Two pictures of six people by each camera; a third of the descriptors are equal to others."""
    rng = np.random.default_rng(0)
    rows = [(person, camera, number) for person in range(1, 7) for camera in range(1, 7) for number in range(2)]
    samples = Samples(
        paths=np.array([f"cam{camera}/{person:04d}/{number:04d}.jpg" for person, camera, number in rows]),
        identities=np.array([person for person, _, _ in rows]),
        cameras=np.array([camera for _, camera, _ in rows]),
        modalities=np.array([Modality.INFRARED if camera in (3, 6) else Modality.VISIBLE for _, camera, _ in rows]),
    )
    descriptors = rng.normal(size=(len(rows), 8)).astype(np.float32)
    descriptors[::3] = descriptors[0]
    return Features(descriptors=descriptors, samples=samples)


def slow_figures(lists: RankedLists, samples: Samples, counting: Counting) -> tuple[float, float, float]:
    """Compute rank-1, mAP and mINP from ranked lists, a query after the other."""
    first, precisions, penalties = [], [], []
    for query, entries in zip(lists.queries, lists.ranked, strict=True):
        people = [int(samples.identities[entry["picture"]]) for entry in entries if entry["counts"]]
        own = int(samples.identities[query])
        places = [place for place, person in enumerate(people, start=1) if person == own]
        if not places:
            continue
        before = people[: places[0] - 1]
        first.append((len(set(before)) if counting is Counting.PEOPLE else len(before)) == 0)
        precisions.append(float(np.mean([found / place for found, place in enumerate(places, start=1)])))
        penalties.append(len(places) / places[-1])
    return float(np.mean(first)), float(np.mean(precisions)), float(np.mean(penalties))


PROTOCOLS = [
    sysu_protocol("all", "seeded"),
    sysu_protocol("indoor", "seeded", shots=10),
    llcm_protocol("visible-to-infrared"),
]


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
@pytest.mark.parametrize("reranking", [None, Reranking(k1=4, k2=2)])
def test_the_figures_follow_from_the_lists(features: Features, protocol: Protocol, reranking: Reranking | None) -> None:
    scores = evaluate(features, protocol, reranking=reranking)
    lists = rank(features, protocol, reranking=reranking)
    assert {one.ranking for one in lists} == {scores.ranking}
    assert [one.trial for one in lists] == list(range(scores.trials))
    for one in lists:
        assert (len(one.queries), one.ranked.shape[1]) == (scores.queries, scores.gallery)
        found = slow_figures(one, features.samples, protocol.counting)
        expected = scores.rank(1)[one.trial], scores.mAP[one.trial], scores.mINP[one.trial]
        assert found == pytest.approx(expected, abs=1e-12)


def same(found: Sequence[RankedLists], expected: Sequence[RankedLists]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one.protocol, one.ranking, one.trial) == (other.protocol, other.ranking, other.trial)
        assert np.array_equal(one.queries, other.queries)
        assert np.array_equal(one.ranked, other.ranked)


def test_a_file_has_the_same_lists_whatever_the_blocks(
    features: Features, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, reranking = tmp_path / "r.npz", Reranking(k1=4, k2=2)
    protocol = PROTOCOLS[0]
    pairs = zip(rank(features, protocol), rank(features, protocol, reranking=reranking), strict=True)
    expected = [one for pair in pairs for one in pair]
    monkeypatch.setattr("mvd.metrics.rankings.block_rows", lambda width: 3)
    monkeypatch.setattr("mvd.metrics.distances._STRIP_ELEMENTS", 100)
    save_rankings(file, features, [protocol], rerankings=[None, reranking])
    saved = load_rankings(file)
    assert saved.samples.paths.tolist() == features.samples.paths.tolist()
    same(saved.rankings, expected)
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.npz"]
    with np.load(file, allow_pickle=False) as arrays:
        assert arrays["0.ranked"].dtype == ENTRY


def test_the_nearest_are_the_beginning_of_the_list(features: Features, tmp_path: Path) -> None:
    whole, short = (rank(features, PROTOCOLS[2], top=top)[0] for top in (0, 5))
    assert np.array_equal(whole.ranked[:, :5], short.ranked)
    save_rankings(tmp_path / "r.npz", features, PROTOCOLS[2:], top=10**6)
    assert load_rankings(tmp_path / "r.npz").rankings[0].ranked.shape == whole.ranked.shape


def test_a_file_that_is_no_ranking_is_one_line(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    np.savez(tmp_path / "objects.npz", paths=np.array([{}], dtype=object))
    (tmp_path / "damaged.npz").write_bytes(b"PK\x03\x04")
    for name in ("other", "objects", "damaged", "missing"):
        with pytest.raises(ProtocolError, match=rf"{name}\.npz: expected ranked lists as mvd evaluate --save"):
            load_rankings(tmp_path / f"{name}.npz")


def test_a_failure_leaves_the_old_file(features: Features, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "r.npz"
    save_rankings(file, features, PROTOCOLS[2:])
    before = file.read_bytes()

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mvd.metrics.rankings._blocks", full)
    with pytest.raises(OSError, match="No space"):
        save_rankings(file, features, PROTOCOLS[:1])
    assert file.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.npz"]
