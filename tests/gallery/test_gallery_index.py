"""Galleries with an index: what it finds, how it grows, and what is kept of conditions from one search to the next."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from galleries import PlainModel, draw, use_models

from mvd.commands.pictures.gallery import Gallery
from mvd.gallery.filters import Filter
from mvd.gallery.index import build_index, index_state, measure_recall
from mvd.gallery.place import Place
from mvd.gallery.table import PictureTable


def test_the_index_finds_nearly_all_that_is_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, PlainModel())
    rows = draw(2000, people=200, width=24)
    notes: list[str] = []
    gallery = Gallery(tmp_path / "large", exact_rows=1000, note=notes.append)
    gallery.add(rows.take(np.arange(1990)))
    assert "indexing 1,990 pictures" in notes[0]
    state = index_state(gallery.table)
    assert state is not None
    assert (state.kind, state.indexed, state.unindexed) == ("IVF_HNSW_SQ", 1990, 0)
    recall, queries = measure_recall(gallery.table, queries=50)
    assert queries == 50
    assert recall >= 0.95
    gallery.add(rows.take(np.arange(1990, 2000)))
    stats = gallery.stats()
    # Even a few rows beside the index would make every search slower, so they are in it.
    assert (stats.rows, stats.unindexed, stats.index) == (2000, 0, "IVF_HNSW_SQ")
    state = index_state(gallery.table)
    assert state is not None
    assert state.parts == 2
    assert stats.recall is not None
    assert stats.recall >= 0.95
    query = draw(1, seed=7, width=24)
    similarities = rows.vectors @ query.vectors[0]
    second = np.arange(2000) % 2 == 1
    # The second search by a condition that few rows fulfil is exact, by their embeddings in memory.
    for only, mask, method in (
        (None, np.ones(2000, bool), "index"),
        (Filter(cameras=("b",)), second, "index"),
        (Filter(cameras=("b",)), second, "exact"),
    ):
        answer = gallery.search(query, only=only, group_seconds=0)
        assert (answer.method, answer.rows) == (method, mask.sum())
        expected = [rows.paths[at] for at in np.argsort(-similarities) if mask[at]][:10]
        assert len(set(expected) & {hit.entry.path for hit in answer.hits}) >= 9
        # Similarities are exact, although the index holds eight bits of each number.
        found = {hit.entry.path: hit.similarity for hit in answer.hits}
        for path, similarity in found.items():
            assert similarity == pytest.approx(similarities[rows.paths.index(path)], abs=1e-5)


def test_what_is_kept_of_a_condition_ends_with_the_version_of_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_models(monkeypatch, PlainModel())
    monkeypatch.setattr("mvd.gallery.exact.EXACT_ROWS", 700)
    rows = draw(2000, people=200, width=24)
    gallery = Gallery(tmp_path / "large", exact_rows=1000)
    late = np.arange(1800, 1900)  # of everybody who is asked for, too
    gallery.add(rows.take(np.delete(np.arange(2000), late)))
    query = draw(1, seed=7, width=24)

    def search(only: Filter) -> str:
        return gallery.search(query, only=only, group_seconds=0).method

    names = [[f"person {number}" for number in range(first, first + 60)] for first in (0, 60)]
    some = [Filter(identities=tuple(each)) for each in names]
    assert [search(some[0]) for _ in range(2)] == ["index", "exact"]
    before = gallery.search(query, only=some[0], group_seconds=0, top=2000)
    gallery.add(rows.take(late))
    assert search(some[0]) == "index"
    after = gallery.search(query, only=some[0], group_seconds=0, top=2000)
    assert (before.method, after.method) == ("exact", "exact")
    expected = {path for path, identity in zip(rows.paths, rows.identities, strict=True) if identity in names[0]}
    assert {hit.entry.path for hit in after.hits} == expected > {hit.entry.path for hit in before.hits}
    # Two conditions hold more rows than are kept at once; either is exact all the same. Half of all rows never are.
    assert [search(some[1]) for _ in range(2)] == ["index", "exact"]
    assert [search(some[0]) for _ in range(2)] == ["exact", "exact"]
    assert [search(Filter(cameras=("b",))) for _ in range(3)] == 3 * ["index"]


def test_two_processes_that_index_at_once_leave_one_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "large"
    Gallery(place).add(draw(600))
    first, second = (PictureTable.open(Place.of(place)) for _ in range(2))
    count = PictureTable.count

    def count_while_another_indexes(table: PictureTable, where: str | None = None) -> int:
        if table is second and index_state(first) is None:
            build_index(first)
        return count(table, where)

    monkeypatch.setattr(PictureTable, "count", count_while_another_indexes)
    build_index(second)
    state = index_state(second)
    assert state is not None
    assert (state.indexed, state.unindexed, state.parts) == (600, 0, 1)
