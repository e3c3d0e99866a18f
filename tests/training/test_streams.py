"""Batches of three and four streams: second views of the same pictures, in batches, parts and resumed runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import CONFIG, PEOPLE, fit, new_run

from mvd.config import AugmentConfig, CosineSchedule, RunConfig
from mvd.data.training import TrainingData
from mvd.losses.objective import build_objective
from mvd.runs import load_checkpoint
from mvd.training.accumulate import _parts
from mvd.training.batches import host_batches
from mvd.training.state import initial_state
from mvd.training.trainer import train_step


def streams(count: int) -> RunConfig:
    augment = AugmentConfig(pad=1, exchange=0, streams=count)  # type: ignore[arg-type]
    return replace(CONFIG, augment=augment, schedule=CosineSchedule(epochs=1))


@pytest.mark.parametrize("count", [2, 3, 4])
def test_second_views_are_of_the_pictures_and_classes_of_the_first(data: TrainingData, count: int) -> None:
    two, batch = (next(iter(host_batches(streams(number), data, 0))) for number in (2, count))
    half = CONFIG.sampling.identities * CONFIG.sampling.pictures
    first = two.pictures.reshape(2, half, *two.pictures.shape[1:])
    labels = two.everyone[0].reshape(2, half)
    assert batch.pictures.shape[0] == batch.draws.shape[0] == batch.everyone.shape[1] == count * half
    for stream in range(count):
        rows = slice(stream * half, (stream + 1) * half)
        assert torch.equal(batch.pictures[rows], first[stream % 2])
        assert torch.equal(batch.everyone[0, rows], labels[stream % 2])
        assert set(batch.everyone[1, rows].tolist()) == set(batch.modalities[rows].tolist()) == {stream % 2}


def test_a_part_has_all_views_of_its_identities(data: TrainingData) -> None:
    config = replace(streams(3), runtime=replace(CONFIG.runtime, accumulate=2))
    batch = next(iter(host_batches(config, data, 0)))
    parts = [rows for _, rows in _parts(config, batch.modalities)]
    assert sorted(torch.cat(parts).tolist()) == list(range(24))
    one, other = (set(batch.everyone[0, rows].tolist()) for rows in parts)
    assert one.isdisjoint(other)
    for rows in parts:
        assert batch.modalities[rows].tolist() == 4 * [0] + 4 * [1] + 4 * [0]


@pytest.mark.parametrize(("count", "accumulate"), [(3, 1), (3, 2), (4, 1)])
def test_a_run_of_several_streams_resumes_exactly(
    data: TrainingData, tmp_path: Path, count: int, accumulate: int
) -> None:
    config = replace(streams(count), runtime=replace(CONFIG.runtime, accumulate=accumulate))
    whole, stopped = new_run(tmp_path / "whole", config), new_run(tmp_path / "stopped", config)
    fit(data, whole, config)
    fit(data, stopped, config, stop_after=3)
    fit(data, stopped, config, resume=True)
    expected, found = (load_checkpoint(run.checkpoint("last"))[0] for run in (whole, stopped))
    assert all(np.array_equal(found[name], values) for name, values in expected.items())


def test_the_losses_see_every_stream(data: TrainingData) -> None:
    """The identity loss of a batch is the mean over all its rows, computed here by hand from the network's logits."""
    config = streams(3)
    state = initial_state(config, PEOPLE, torch.device("cpu"))
    batch = next(iter(host_batches(config, data, 0)))
    seen = []
    state.forward = lambda images, modalities: seen.append(state.network(images, modalities)) or seen[-1]  # type: ignore[func-returns-value]
    losses = train_step(state, build_objective(config), batch, config, torch.device("cpu"))
    assert len(seen[0].visible.observation.logits) == 24
    total = 0.0
    for branch, weight in zip(seen[0], (0.5, 0.5, 0.25, 0.25), strict=True):
        for head in branch.heads:
            log = head.logits.detach().double().log_softmax(dim=1)
            for row, label in enumerate(batch.everyone[0].tolist()):
                total += weight * float(-0.9 * log[row, label] - 0.1 * log[row].mean()) / 24
    assert losses["identity"].item() == pytest.approx(total, rel=1e-5)
