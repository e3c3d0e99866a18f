"""Searching a gallery: against plain NumPy, with filters, tracklets, several queries and re-ranking."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from galleries import PlainModel, draw, unit, use_models, write_people

from mvd.commands.pictures import gallery_pictures
from mvd.commands.pictures.gallery import Gallery
from mvd.data.samples import Modality
from mvd.errors import ConfigError, GalleryError
from mvd.gallery.filters import Filter, parse_time
from mvd.gallery.search import SHORTLIST
from mvd.gallery.tracklets import group_tracklets
from mvd.metrics.rerank import Reranking, rerank_descriptors
from mvd.results.embeddings import Embeddings

PEOPLE = 20


@pytest.fixture(scope="module")
def rows() -> Embeddings:
    return draw(300, people=PEOPLE)


@pytest.fixture(scope="module")
def folder(rows: Embeddings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("galleries") / "people"
    Gallery(place).add(rows)
    return place


@pytest.fixture(params=[True, False], ids=["kept", "streamed"])
def gallery(folder: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Gallery:
    use_models(monkeypatch, PlainModel())
    return Gallery(folder, keep=request.param)


def test_exact_search_finds_what_a_sort_finds(gallery: Gallery, rows: Embeddings) -> None:
    query = draw(1, seed=9)
    similarities = rows.vectors @ query.vectors[0]
    expected = np.argsort(-similarities, kind="stable")[:10]
    answer = gallery.search(query, group_seconds=0)
    assert [hit.entry.path for hit in answer.hits] == [rows.paths[at] for at in expected]
    np.testing.assert_allclose([hit.similarity for hit in answer.hits], similarities[expected], rtol=1e-5)
    assert (answer.rows, answer.method, answer.known) == (300, "exact", None)
    assert "not calibrated" in answer.notes[0]


@pytest.mark.parametrize(
    ("only", "kept"),
    [
        (Filter(cameras=("b",)), lambda rows, at: rows.cameras[at] == "b"),
        (Filter(modality=Modality.INFRARED), lambda rows, at: rows.modalities[at] == 1),
        (Filter(tags=("even", "no such tag")), lambda rows, at: at % 2 == 0),
        (Filter(identities=("person 3", "person 4")), lambda rows, at: at % PEOPLE in (3, 4)),
        (
            Filter(since=parse_time("2024-05-01T12:10"), until=parse_time("2024-05-01T14:20+02:00")),
            lambda rows, at: 10 <= at <= 20,
        ),
        (Filter(cameras=("a",), identities=("person 2",)), lambda rows, at: at % PEOPLE == 2),
        (Filter(identities=("it's no' OR 'a' = 'a",)), lambda rows, at: False),
    ],
)
def test_filters_keep_what_fulfils_them(gallery: Gallery, rows: Embeddings, only: Filter, kept: object) -> None:
    assert callable(kept)
    expected = {rows.paths[at] for at in range(len(rows)) if kept(rows, at)}
    answer = gallery.search(draw(1, seed=9), only=only, top=300, group_seconds=0)
    assert {hit.entry.path for hit in answer.hits} == expected
    assert answer.rows == len(expected)


@pytest.mark.parametrize(
    ("only", "line"),
    [
        (Filter(cameras=("b", "cam1")), None),
        (Filter(cameras=("cam1",)), "no picture of camera cam1: here are a, b"),
        (Filter(tags=("lost",)), "no picture here is tagged lost"),
        (Filter(identities=("nobody", "person 2"), tags=("lost",)), "no picture here is of nobody"),
    ],
)
def test_a_filter_that_nothing_fulfils_is_explained(folder: Path, only: Filter, line: str | None) -> None:
    said = list[str]()
    gallery = Gallery(folder, note=said.append)
    answer = gallery.search(draw(1, seed=9), only=only)
    gallery.rows(only=only)
    if line is None:
        assert (len(answer.hits), said) == (10, [])
    else:
        gallery.remove(only=only)
        assert line in answer.notes
        assert said.count(f"{folder}: {line}") == 2


def test_a_gallery_without_cameras_and_times_says_so(tmp_path: Path) -> None:
    drawn = draw(4)
    none = (None,) * 4
    plain = replace(drawn, cameras=none, identities=none, times=np.full(4, "NaT", "datetime64[us]"))
    gallery = Gallery(tmp_path / "plain")
    gallery.add(plain)
    only = Filter(cameras=("door",), identities=("ann",), since=parse_time("2024-05-01"))
    answer = gallery.search(draw(1, seed=9), only=only)
    assert [line for line in answer.notes if "no picture" in line] == [
        "no picture of camera door: no picture here has one (gallery add --camera)",
        "no picture here has an identity",
        "no picture here has a time",
    ]


def test_several_pictures_of_a_person_are_one_query(gallery: Gallery, rows: Embeddings) -> None:
    queries = draw(4, seed=5)
    mean = unit(queries.vectors.mean(axis=0, keepdims=True))[0]
    for how, similarities in (
        ("mean", rows.vectors @ mean),
        ("best", (rows.vectors @ queries.vectors.T).max(axis=1)),
    ):
        answer = gallery.search([queries.take([0, 1]), queries.take([2, 3])], combining=how, group_seconds=0)  # type: ignore[arg-type]
        expected = np.argsort(-similarities, kind="stable")[:10]
        assert [hit.entry.path for hit in answer.hits] == [rows.paths[at] for at in expected]


def test_search_goes_on_from_a_result_and_leaves_the_query_out(gallery: Gallery, rows: Embeddings) -> None:
    first = gallery.search(draw(1, seed=9), group_seconds=0).hits[0].entry
    answer = gallery.search(like=[first.row[:6]], group_seconds=0)
    at = rows.paths.index(first.path)
    expected = np.argsort(-rows.vectors @ rows.vectors[at], kind="stable")
    assert [hit.entry.path for hit in answer.hits] == [rows.paths[other] for other in expected if other != at][:10]
    assert any("not among the results" in note for note in answer.notes)
    again = gallery.search(rows.take([at]), group_seconds=0)
    assert again.hits == answer.hits


def test_reranking_a_small_gallery_is_the_full_reranking(gallery: Gallery, rows: Embeddings) -> None:
    assert len(rows) <= SHORTLIST
    query = draw(2, seed=9)
    for how, vectors in (("best", query.vectors), ("mean", unit(query.vectors.mean(axis=0, keepdims=True)))):
        distances = rerank_descriptors(vectors, rows.vectors, Reranking()).min(axis=0)
        answer = gallery.search(query, combining=how, rerank=True, top=300, group_seconds=0)  # type: ignore[arg-type]
        found = {hit.entry.path: hit.distance or 0 for hit in answer.hits}
        np.testing.assert_allclose([found[path] for path in rows.paths], distances, rtol=1e-4, atol=1e-5)
        order = [hit.distance or 0 for hit in answer.hits]
        assert order == sorted(order)


def test_few_pictures_are_reranked_with_fewer_neighbours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, PlainModel())
    gallery = Gallery(tmp_path / "few")
    gallery.add(draw(3))
    assert len(gallery.search(draw(1, seed=1), rerank=True).hits) == 3


def test_tracklets_show_their_best_picture_and_count_the_others(gallery: Gallery, rows: Embeddings) -> None:
    # Pictures of a camera and a person follow each other in 20 minutes.
    answer = gallery.search(draw(1, seed=9), group_seconds=1200, top=PEOPLE + 1)
    assert sum(hit.pictures for hit in answer.hits) == 300
    similarities = rows.vectors @ draw(1, seed=9).vectors[0]
    best = [max(similarities[person::PEOPLE]) for person in range(PEOPLE)]
    np.testing.assert_allclose([hit.similarity for hit in answer.hits], sorted(best, reverse=True), rtol=1e-5)


def test_tracklets_against_slow_obvious_code() -> None:
    rng = np.random.default_rng(0)
    cameras = [None if one == 0 else str(one) for one in rng.integers(0, 3, 200)]
    times = [None if rng.random() < 0.1 else int(one) * 1_000_000 for one in rng.integers(0, 500, 200)]
    names = [None if one == 0 else str(one) for one in rng.integers(0, 3, 200)]
    group = list(range(200))

    def near(one: int, other: int) -> bool:
        same = cameras[one] == cameras[other] is not None and names[one] == names[other]
        first, second = times[one], times[other]
        return same and first is not None and second is not None and abs(first - second) <= 5_000_000

    changed = True
    while changed:
        changed = False
        for one in range(200):
            for other in range(200):
                if near(one, other) and group[one] != group[other]:
                    group[one] = group[other] = min(group[one], group[other])
                    changed = True
    assert group_tracklets(cameras, times, names, 5).tolist() == group


def test_pictures_are_found_by_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, PlainModel())
    files = write_people(tmp_path / "photos")
    gallery = Gallery(tmp_path / "people")
    gallery.add(tmp_path / "photos")
    answer = gallery.search(files[4], top=2)
    assert {Path(hit.entry.path).name for hit in answer.hits} == {"1_0.jpg", "1_2.jpg"}
    assert gallery.thumbnail(answer.hits[0].entry.row).startswith(b"\xff\xd8")


def test_what_cannot_be_searched_is_one_line(gallery: Gallery) -> None:
    with pytest.raises(ConfigError, match="expected a picture to search with"):
        gallery.search([])
    with pytest.raises(GalleryError, match=r"expected the row ffff0000, found no such row"):
        gallery.search(like=["ffff0000"])
    with pytest.raises(GalleryError, match="hexadecimal digits"):
        gallery.search(like=["x"])
    with pytest.raises(ConfigError, match="false-alarms"):
        gallery.search(draw(1), false_alarms=1)
    with pytest.raises(ConfigError, match="exchange them"):
        Filter(since=datetime(2024, 2, 1, tzinfo=timezone.utc), until=datetime(2024, 1, 1, tzinfo=timezone.utc))
    with pytest.raises(ConfigError, match="expected a time such as"):
        parse_time("yesterday")


def test_the_model_in_the_box_is_introduced_by_its_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "rendered.onnx"
    monkeypatch.setattr(gallery_pictures, "box_model", lambda: program)
    assert "trained on rendered people only" in gallery_pictures.describe_box()
    (tmp_path / "rendered.md").write_text(
        "# rendered\n\n- File: x.\n- Trained on rendered people\n  only: 9 of them.\n\n## What it is not good for\n\n"
        "- Faces.\n- Coats.\n\n## More\n\n- other\n"
    )
    assert gallery_pictures.describe_box() == (
        "no model was given: using rendered, the model in the box. Trained on rendered people only: 9 of them. "
        "What it is not good for: Faces. Coats."
    )
