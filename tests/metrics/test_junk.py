"""Junk, pictures of nobody: distractors in the gallery, each by itself, and never queries; counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mvd.data.samples import JUNK, Modality, Row, from_rows
from mvd.errors import ProtocolError
from mvd.metrics.features import Features
from mvd.metrics.galleries import draw_trials
from mvd.metrics.protocols import llcm_protocol, own_protocol
from mvd.metrics.retrieval import CrossModalRetrieval
from mvd.metrics.scores import evaluate

# The only query, at 0 degrees, and the gallery by its angle: two of junk, one of person 2, two of person 1.
_ANGLES = {"query": 0, "junk query": 1, "a": 5, "b": 10, "c": 15, "d": 20, "e": 60}
_PEOPLE = {"query": 1, "junk query": JUNK, "a": JUNK, "b": JUNK, "c": 2, "d": 1, "e": 1}
_SAMPLES = from_rows(
    Row(name, person, 0, Modality.INFRARED if "query" in name else Modality.VISIBLE) for name, person in _PEOPLE.items()
)
_TURNS = np.radians(list(_ANGLES.values()))
_FEATURES = Features(descriptors=np.stack([np.cos(_TURNS), np.sin(_TURNS)], axis=1), samples=_SAMPLES)


def test_junk_is_never_a_query_and_each_picture_of_it_is_a_person_of_its_own_in_the_gallery() -> None:
    scores = evaluate(_FEATURES, own_protocol("infrared-to-visible", cameras=False))
    assert (scores.queries, scores.valid_queries, scores.gallery, scores.people) == (1, 1, 5, 1)
    # Before the first match: two of junk and person 2, so it is the fourth person.
    assert scores.cmc.tolist() == [[0, 0, 0, 1]]
    assert scores.mAP.tolist() == pytest.approx([(1 / 4 + 2 / 5) / 2])
    assert scores.mINP.tolist() == pytest.approx([2 / 5])


def test_the_metric_object_counts_alike() -> None:
    metric = CrossModalRetrieval("own/infrared-to-visible")
    metric.update(_FEATURES.descriptors, _SAMPLES.identities, modalities=_SAMPLES.modalities)
    assert metric.compute()["mAP"] == pytest.approx(0.325)


def test_people_with_negative_numbers_are_not_mistaken_for_junk() -> None:
    # Junk is given numbers of its own; -2 … -6 would be the next.
    people = np.where(_SAMPLES.identities == 1, -4, _SAMPLES.identities)
    metric = CrossModalRetrieval("own/infrared-to-visible")
    metric.update(_FEATURES.descriptors, people, modalities=_SAMPLES.modalities)
    scores = metric.compute().scores
    assert scores.cmc.tolist() == [[0, 0, 0, 1]]


def test_where_all_queries_are_junk_there_are_none() -> None:
    junk = from_rows([Row("a", JUNK, 0, Modality.INFRARED), Row("b", 1, 0, Modality.VISIBLE)])
    with pytest.raises(ProtocolError, match=r"queries: expected pictures of people, found 1 of junk \(identity -1\)"):
        draw_trials(own_protocol("infrared-to-visible", cameras=False), junk)


def test_drawn_queries_leave_junk_out_too() -> None:
    rows = [Row(f"{m.name}{i}{c}", i, c, m) for m in Modality for i in (JUNK, 1, 2) for c in (1, 2)]
    table = from_rows(rows)
    for trial in draw_trials(llcm_protocol("visible-to-infrared", transposed=True), table):
        assert table.identities[trial.queries].tolist() == [1, 1, 2, 2]
        assert table.identities[trial.gallery].tolist() == [JUNK, JUNK, 1, 1, 2, 2]
