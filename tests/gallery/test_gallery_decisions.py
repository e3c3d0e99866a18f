"""Searches with a calibrated model: probabilities, decisions, cameras, modalities without a calibration."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from galleries import PlainModel, draw, identity, use_models

from mvd.commands.pictures.gallery import Gallery
from mvd.data.samples import Modality
from mvd.gallery.filters import Filter
from mvd.gallery.stats import count_cameras
from mvd.metrics.calibration import learn_calibration


def test_a_calibrated_model_gives_probabilities_and_a_decision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = draw(400, people=100, seed=1, width=48)
    people = np.arange(400) % 100
    calibration = learn_calibration(
        known.vectors, people, known.modalities, model=identity("plain", 48).fingerprint, data="drawn"
    )
    use_models(monkeypatch, PlainModel(width=48, calibration=calibration))
    rows = draw(60, people=15, seed=2, width=48)
    gallery = Gallery(tmp_path / "people")
    gallery.add(rows.take(np.arange(45)))
    there, away = rows.take([45]), draw(1, seed=3, width=48)
    answer = gallery.search(there, group_seconds=0)
    assert answer.known
    assert answer.people == 15
    best = answer.hits[0]
    assert best.entry.identity == there.identities[0]
    assert best.passes
    assert best.probability is not None
    assert best.probability > 0.9
    chances = [hit.probability or 0 for hit in answer.hits if hit.entry.modality == best.entry.modality]
    assert chances == sorted(chances, reverse=True)
    limit = calibration.threshold(0.005, 15, int(there.modalities[0]), best.entry.modality)
    assert all(
        hit.passes == (hit.similarity >= limit) for hit in answer.hits if hit.entry.modality == best.entry.modality
    )
    stranger = gallery.search(away)
    assert stranger.known is False
    assert not any(hit.passes for hit in stranger.hits)


def test_of_known_cameras_probabilities_and_thresholds_are_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = draw(396, people=99, seed=1, width=48)
    columns = known.vectors, np.arange(396) % 99, known.modalities, np.arange(396) // 198 + 1
    calibration = learn_calibration(
        *columns, model=identity("plain", 48).fingerprint, data="drawn", camera_names={1: "a", 2: "b"}
    )
    assert {(query, gallery) for _, query, gallery in calibration.cameras} == {("a", "b"), ("b", "a")}
    use_models(monkeypatch, PlainModel(width=48, calibration=calibration))
    rows = draw(60, people=15, seed=2, width=48)
    gallery = Gallery(tmp_path / "people")
    gallery.add(rows.take(np.arange(45)))
    there = rows.take([45])
    assert there.cameras == ("b",)
    query = int(there.modalities[0])
    counts = count_cameras(gallery.table, None)
    assert counts == dict(Counter(zip(rows.modalities[:45].tolist(), rows.cameras[:45], strict=True)))
    stranger = gallery.search(replace(there, cameras=(None,)), camera="hall")
    assert stranger.notes[-1].startswith("camera hall: the model is not calibrated for it")
    for asked, camera in ((there, "b"), (replace(there, cameras=(None,)), None)):
        answer = gallery.search(asked, group_seconds=0, top=45, false_alarms=0.05)
        there_too = sum(hit.entry.camera == "a" for hit in answer.hits)
        assert answer.notes[-1:] == (
            (f"probabilities of {there_too} of 45 results are those of the pair of cameras",) if camera else ()
        )
        for hit in answer.hits:
            spectrum, place = hit.entry.modality, hit.entry.camera
            own = calibration.covers(query, spectrum, cameras=(camera, place))
            assert own == (camera == "b" and place == "a")
            chance = calibration.probability(
                [hit.similarity], query, spectrum, cameras=("b", "a") if own else None, prior=1 / 15
            )
            assert hit.probability == pytest.approx(chance[0])
            of_kind = sum(count for (kind, _), count in counts.items() if kind == spectrum)
            group = counts[spectrum, place] if camera else of_kind
            limit = calibration.threshold(
                0.025 * group / of_kind, min(15, group), query, spectrum, cameras=("b", "a") if own else None
            )
            assert hit.passes == (hit.similarity >= limit)


def test_a_modality_that_was_searched_and_is_not_calibrated_leaves_the_answer_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One picture of each person and modality calibrates pairs across modalities only."""
    held_out = draw(80, seed=4, people=40)
    modalities = np.arange(80) // 40
    people = np.arange(80) % 40
    calibration = learn_calibration(held_out.vectors, people, modalities, model=identity().fingerprint, data="drawn")
    assert sorted(calibration.pairs) == ["infrared-visible", "visible-infrared"]
    use_models(monkeypatch, PlainModel(calibration=calibration))
    gallery = Gallery(tmp_path / "both")
    gallery.add(draw(60, people=20))
    query = replace(draw(1, seed=9), modalities=np.array([1]))
    for top in (1, 60):  # the nearest picture is visible, others are infrared
        answer = gallery.search(query, top=top, group_seconds=0)
        assert answer.hits[0].entry.modality == 0
        assert (answer.known, answer.hits[0].probability) == (None, None)
        assert any("not calibrated for these modalities" in note for note in answer.notes)
    answer = gallery.search(query, top=1, only=Filter(modality=Modality.VISIBLE))
    assert answer.known is not None
