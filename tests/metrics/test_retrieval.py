"""The metric object: batches of tensors or arrays give what the functional form gives, in one process or several."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mvd.data.samples import Modality, Samples
from mvd.errors import ProtocolError
from mvd.metrics import CrossModalRetrieval, Features, Reranking, RetrievalFigures, evaluate, find_protocol
from mvd.metrics.protocols import sysu_protocol

SEEDED = "sysu/all-search/single-shot/seeded"
OWN = "own/infrared-to-visible"


def _features(people: int = 12, pictures: int = 3) -> Features:
    """Describe people seen `pictures` times by each camera of SYSU-MM01, in scan order."""
    rows = [(i, c, n) for i in range(1, people + 1) for c in range(1, 7) for n in range(1, pictures + 1)]
    identities, cameras = np.array([i for i, _, _ in rows]), np.array([c for _, c, _ in rows])
    samples = Samples(
        paths=np.array([f"cam{c}/{i:04d}/{n:04d}.jpg" for i, c, n in rows]),
        identities=identities,
        cameras=cameras,
        modalities=np.where(np.isin(cameras, (3, 6)), Modality.INFRARED, Modality.VISIBLE),
    )
    descriptors = np.random.default_rng(0).normal(size=(len(samples), 8)) + 2 * np.eye(people, 8)[identities - 1]
    return Features(descriptors=descriptors.astype(np.float32), samples=samples)


def _update(metric: CrossModalRetrieval, features: Features, *, tensors: bool = False, paths: bool = False) -> None:
    samples = features.samples
    columns: list[Any] = [
        column.copy() for column in (features.descriptors, samples.identities, samples.cameras, samples.modalities)
    ]
    embeddings, identities, cameras, modalities = map(torch.from_numpy, columns) if tensors else columns
    metric.update(embeddings, identities, cameras, modalities, samples.paths.tolist() if paths else None)


@pytest.mark.parametrize("tensors", [False, True])
@pytest.mark.parametrize("reranking", [None, Reranking(k1=8, k2=2)])
def test_batches_give_the_figures_of_the_whole(tensors: bool, reranking: Reranking | None) -> None:
    features = _features()
    expected = evaluate(features, SEEDED, reranking=reranking)
    metric = CrossModalRetrieval(sysu_protocol("all", "seeded"), reranking=reranking)
    for start in range(0, len(features), 50):
        _update(metric, features.take(np.arange(start, min(start + 50, len(features)))), tensors=tensors)
    assert len(metric) == len(features)
    found = metric.compute()
    assert found == expected.mean.named() | {f"{name}_std": value for name, value in expected.std.named().items()}
    assert found.protocol == SEEDED
    assert np.array_equal(found.scores.cmc, expected.cmc)
    assert metric.compute() == found


def test_paths_make_the_order_of_updates_irrelevant_and_count_each_picture_once() -> None:
    features = _features()
    metric = CrossModalRetrieval(SEEDED)
    shuffled = np.random.default_rng(1).permutation(len(features))
    for rows in np.array_split(np.concatenate([shuffled, shuffled[:7]]), 5):
        _update(metric, features.take(rows), paths=True)
    expected, found = evaluate(features, SEEDED), metric.compute()
    assert found.scores.to_dict() == expected.to_dict()
    unsorted = CrossModalRetrieval(SEEDED)
    _update(unsorted, features.take(shuffled))
    assert unsorted.compute() != found


def test_a_single_trial_has_no_deviation_and_a_modality_may_be_named() -> None:
    metric = CrossModalRetrieval(OWN)
    metric.update(torch.eye(3, dtype=torch.bfloat16), [1, 2, 3], modalities="visible")
    metric.update(torch.eye(3, requires_grad=True)[:2], torch.tensor([1, 3]), modalities=Modality.INFRARED)
    metric.update(np.empty((0, 3)), [], modalities=[])
    found = metric.compute()
    assert list(found) == ["rank-1", "rank-5", "rank-10", "rank-20", "mAP", "mINP"]
    assert found["rank-1"] == 0.5
    metric.reset()
    assert len(metric) == 0
    with pytest.raises(ProtocolError, match="found none; call update before compute"):
        metric.compute()


def test_an_array_that_is_used_again_does_not_change_what_was_added() -> None:
    batch = np.eye(2, dtype=np.float32)
    metric = CrossModalRetrieval(OWN)
    metric.update(batch, [1, 2], modalities="visible")
    metric.update(batch, [1, 2], modalities="infrared")
    batch[:] = 0
    assert metric.compute()["rank-1"] == 1


GOOD: dict[str, Any] = {"embeddings": np.eye(2), "identities": [1, 2], "cameras": [1, 2], "modalities": [0, 1]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embeddings": np.ones(2)}, r"embeddings: expected the shape \(B, D\), found \(2,\)"),
        ({"embeddings": np.ones((2, 0))}, r"embeddings: expected the shape \(B, D\)"),
        ({"embeddings": np.eye(2, 5)}, "embeddings: expected the width 2 of the batches before, found 5"),
        (
            {"embeddings": np.array([[1.0, 2.0], [np.nan, 0.0]])},
            "row 3: expected a finite descriptor",
        ),
        ({"identities": [1]}, r"identities: expected integers of shape \(2,\)"),
        ({"identities": [1.0, 2.0]}, "identities: expected integers .* found float64"),
        ({"cameras": [[1, 2]]}, "cameras: expected integers"),
        ({"modalities": [0, 2]}, "modalities: expected 0 .visible. or 1 .infrared., found 2"),
        ({"modalities": "thermal"}, "found 'thermal'"),
        ({"modalities": None}, "modalities: expected"),
        ({"paths": ["a"]}, "paths: expected 2, one per embedding, found 1"),
        ({"paths": ["a", "b"]}, "paths: expected them for all batches or for none"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line_and_not_added(change: dict[str, Any], message: str) -> None:
    metric = CrossModalRetrieval(OWN)
    metric.update(**GOOD)
    with pytest.raises(ProtocolError, match=message) as refusal:
        metric.update(**(GOOD | change))
    assert "\n" not in str(refusal.value)
    assert len(metric) == 2


def test_protocols_need_cameras_queries_and_a_match() -> None:
    with pytest.raises(ProtocolError, match=f"cameras: expected the camera of each picture, as {SEEDED} needs them"):
        CrossModalRetrieval(SEEDED).update(**(GOOD | {"cameras": None}))
    metric = CrossModalRetrieval(OWN)
    metric.update(**GOOD)
    with pytest.raises(ProtocolError, match="found none among 1"):
        metric.compute()
    metric.reset()
    metric.update(**(GOOD | {"modalities": "visible"}))
    with pytest.raises(ProtocolError, match="queries: expected infrared pictures"):
        metric.compute()


def test_a_protocol_is_found_by_its_name_and_a_misspelt_one_is_told_apart() -> None:
    assert find_protocol("own-validation/infrared-to-visible/other-cameras").needs_cameras
    assert find_protocol("regdb/thermal-to-visible/trial-10").name.endswith("trial-10")
    with pytest.raises(ProtocolError, match=f"such as {SEEDED}, .* found 'sysu/all/single-shot/seeded'"):
        CrossModalRetrieval("sysu/all/single-shot/seeded")


def test_two_processes_get_the_figures_of_one(tmp_path: Path) -> None:
    command = [sys.executable, __file__, str(tmp_path / "rendezvous")]
    processes = [subprocess.Popen([*command, str(index)], stdout=subprocess.PIPE, text=True) for index in range(2)]
    found = [json.loads(process.communicate(timeout=120)[0]) for process in processes]
    expected = dict(RetrievalFigures(evaluate(_features(), SEEDED)))
    assert found == [{"whole": expected, "refused": True}] * 2


def _process(rendezvous: str, index: int) -> None:
    """One of two processes, each with every other picture and, as a DistributedSampler has it, one that repeats."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=index, world_size=2)
    features, metric = _features(), CrossModalRetrieval(SEEDED)
    _update(metric, features.take(np.append(np.arange(index, len(features), 2), 0)), paths=True)
    whole = metric.compute()
    # The second process has nothing, and what the first has is refused in both: neither waits for the other.
    other = CrossModalRetrieval(OWN)
    if index == 0:
        other.update(np.eye(1), [1], modalities="infrared")
    try:
        other.compute()
        refused = False
    except ProtocolError:
        refused = True
    torch.distributed.destroy_process_group()
    print(json.dumps({"whole": whole, "refused": refused}))


if __name__ == "__main__":
    _process(sys.argv[1], int(sys.argv[2]))
