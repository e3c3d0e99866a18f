"""What a run tells while it trains: its log, the batches that are shown, its memory."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tiny_training import (
    CONFIG,
    HEIGHT,
    WIDTH,
    Watcher,
    fit,
    new_run,
)

from mvd.commands.engine import load_engine
from mvd.config import (
    AugmentConfig,
)
from mvd.data.samples import Modality
from mvd.data.training import TrainingData
from mvd.losses.objective import build_objective
from mvd.runs import load_checkpoint

if TYPE_CHECKING:
    from training.conftest import Whole


def test_logged_total_is_the_weighted_sum_of_the_terms(whole: Whole) -> None:
    weights = build_objective(CONFIG).weights
    for log in whole.watcher.logs:
        assert log.losses["total"] == pytest.approx(sum(weights[name] * log.losses[name] for name in weights), rel=1e-5)


def test_metrics_are_json_lines(whole: Whole) -> None:
    for line in (whole.run.path / "metrics.jsonl").read_text().splitlines():
        assert json.loads(line)["step"] > 0


def test_what_is_shown_of_a_batch_is_what_is_trained_on(data: TrainingData, tmp_path: Path) -> None:
    plain = replace(CONFIG, augment=AugmentConfig(pad=0, flip=0, exchange=0, erase=0))
    samples = fit(data, new_run(tmp_path / "run", plain), plain).samples
    assert [step for step, _ in samples] == [0, 10]
    for _, batch in samples:
        assert batch.pictures.shape == (16, HEIGHT, WIDTH, 3)
        assert np.bincount(batch.modalities).tolist() == [8, 8]
        for picture, identity, modality in zip(*batch, strict=True):
            prepared = data.visible if modality == Modality.VISIBLE else data.infrared
            theirs = prepared.read(np.flatnonzero(prepared.samples.identities == identity))
            assert any(np.array_equal(picture, candidate) for candidate in theirs)


def test_looking_at_batches_changes_no_bit(
    data: TrainingData, whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert whole.watcher.samples
    unseen = new_run(tmp_path / "unseen")
    monkeypatch.setattr(Watcher, "sampled", lambda watcher, step, show: None)
    fit(data, unseen)
    first, second = (load_checkpoint(run.checkpoint("last"))[0] for run in (whole.run, unseen))
    assert all(np.array_equal(second[name], values) for name, values in first.items())


def test_log_lines_tell_the_most_memory_so_far(whole: Whole) -> None:
    peaks = [log.memory["resident"] for log in whole.watcher.logs]
    assert peaks == sorted(peaks)
    assert 5e7 < peaks[0] < 1e11
    assert "device" not in whole.watcher.logs[0].memory


def test_a_run_that_does_not_fit_into_memory_recomputes_and_says_so(
    data: TrainingData, whole: Whole, tmp_path: Path
) -> None:
    lines: list[str] = []

    class Reader(Watcher):
        def noted(self, line: str) -> None:
            lines.append(line)

    config = replace(CONFIG, runtime=replace(CONFIG.runtime, memory=1e-6))
    run = new_run(tmp_path / "little", config)
    load_engine(config).fit(config, data, run, observer=Reader(), resume=False)
    assert len(lines) == 1
    assert lines[0].startswith("activations are recomputed: a step would take about")
    little, much = (load_checkpoint(one.checkpoint("last"))[0] for one in (run, whole.run))
    assert all(np.array_equal(little[name], much[name]) for name in much)
