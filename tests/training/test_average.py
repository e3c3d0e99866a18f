"""The moving average of the weights: against a loop in float64, and in checkpoints, validation and resumed runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import CONFIG, PEOPLE, Figures, Watcher, fit, lines_without_rates, new_run

from mvd.commands.engine import load_engine
from mvd.config import CosineSchedule
from mvd.data.training import TrainingData
from mvd.models.state import initial_network, network_tensors
from mvd.runs import OPTIMIZER_PREFIX, load_checkpoint
from mvd.training.average import WEIGHTS_PREFIX

AVERAGED = replace(
    CONFIG,
    optimizer=replace(CONFIG.optimizer, ema=0.6),
    schedule=CosineSchedule(epochs=1),
    runtime=replace(CONFIG.runtime, checkpoint_minutes=0, validate_every=1),
)


def test_a_checkpoint_has_the_average_under_the_networks_names(data: TrainingData, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", AVERAGED)
    weights, averages = [], []

    def stepped(step: int) -> bool:
        if run.checkpoint("last").exists():
            tensors, _ = load_checkpoint(run.checkpoint("last"))
            own = {n.removeprefix(WEIGHTS_PREFIX): v for n, v in tensors.items() if n.startswith(WEIGHTS_PREFIX)}
            weights.append({name: values.astype(np.float64) for name, values in own.items()})
            averages.append({name: tensors[name] for name in own})
        return True

    watcher = Watcher()
    watcher.stepped = stepped  # type: ignore[method-assign]
    load_engine(AVERAGED).fit(AVERAGED, data, run, observer=watcher)
    assert len(weights) == 4
    initial = network_tensors(initial_network(AVERAGED, PEOPLE, torch.device("cpu")))
    expected = {name: initial[name].astype(np.float64) for name in weights[0]}
    assert any("running_var" in name for name in expected)
    for step, (now, found) in enumerate(zip(weights, averages, strict=True)):
        decay = min(0.6, (1 + step) / (10 + step))
        for name, before in expected.items():
            expected[name] = decay * before + (1 - decay) * now[name]
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-6)
    assert max(np.abs(averages[-1][name] - weights[-1][name]).max() for name in expected) > 0.01


def test_an_averaged_run_goes_on_with_the_bits_of_one_that_was_not_stopped(data: TrainingData, tmp_path: Path) -> None:
    whole, stopped = new_run(tmp_path / "whole", AVERAGED), new_run(tmp_path / "stopped", AVERAGED)
    fit(data, whole, AVERAGED)
    fit(data, stopped, AVERAGED, stop_after=3)
    fit(data, stopped, AVERAGED, resume=True)
    expected, found = (load_checkpoint(run.checkpoint("last"))[0] for run in (whole, stopped))
    assert expected.keys() == found.keys()
    assert all(np.array_equal(found[name], values) for name, values in expected.items())
    assert lines_without_rates(stopped) == lines_without_rates(whole)


def test_keeping_an_average_changes_no_weight_in_training(data: TrainingData, tmp_path: Path) -> None:
    plain = replace(AVERAGED, optimizer=CONFIG.optimizer)
    averaged, without = new_run(tmp_path / "averaged", AVERAGED), new_run(tmp_path / "without", plain)
    fit(data, averaged, AVERAGED)
    fit(data, without, plain)
    found, expected = (load_checkpoint(run.checkpoint("last"))[0] for run in (averaged, without))
    assert not any(name.startswith(WEIGHTS_PREFIX) for name in expected)
    for name, values in expected.items():
        own = name if name.startswith(OPTIMIZER_PREFIX) or values.dtype.kind != "f" else WEIGHTS_PREFIX + name
        np.testing.assert_array_equal(found[own], values, err_msg=name)


def test_the_average_is_what_is_validated_kept_as_best_and_embedded(data: TrainingData, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", AVERAGED)
    figures = Figures(data.visible, data.visible.samples, [0.5])
    engine = load_engine(AVERAGED)
    engine.fit(AVERAGED, data, run, observer=Watcher(), validation=figures)
    best, _ = load_checkpoint(run.checkpoint("best"))
    last, _ = load_checkpoint(run.checkpoint("last"))
    assert not any(name.startswith(OPTIMIZER_PREFIX) for name in best)
    assert all(np.array_equal(last[name], values) for name, values in best.items())
    again = engine.embed(AVERAGED, PEOPLE, run.checkpoint("best"), data.visible)
    np.testing.assert_allclose(again, figures.__dict__["seen"][-1], atol=1e-5)


@pytest.mark.parametrize(("before", "after"), [(0.0, 0.6), (0.6, 0.0)])
def test_an_average_may_begin_or_end_in_a_run_that_goes_on(
    data: TrainingData, tmp_path: Path, before: float, after: float
) -> None:
    configs = [replace(AVERAGED, optimizer=replace(AVERAGED.optimizer, ema=ema)) for ema in (before, after)]
    whole, changed = new_run(tmp_path / "whole", configs[0]), new_run(tmp_path / "changed", configs[0])
    fit(data, whole, configs[0])
    fit(data, changed, configs[0], stop_after=3)
    fit(data, changed, configs[1], resume=True)
    expected, found = (load_checkpoint(run.checkpoint("last"))[0] for run in (whole, changed))
    # Training itself goes on with its own weights, to the bit.
    name = "shared.encoder.conv1.weight"
    own = {folder: WEIGHTS_PREFIX + name if ema else name for folder, ema in (("whole", before), ("changed", after))}
    np.testing.assert_array_equal(found[own["changed"]], expected[own["whole"]])
    assert any(key.startswith(WEIGHTS_PREFIX) for key in found) == bool(after)
