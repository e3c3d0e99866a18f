"""Learning-rate curves at their corners, against a hand-made table, and against both releases' schedulers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mvd.config import CosineSchedule, EpochSchedule, StepSchedule
from mvd.config.learning_rate import lr_factor

GOLDENS = Path(__file__).parents[1] / "goldens" / "lr_schedules.npz"

COSINE = CosineSchedule(epochs=10, warmup_epochs=2, warmup_start=0.1, final=0.01)
STEPS = StepSchedule(epochs=10, warmup_epochs=2, warmup_start=0.1, milestones=(4, 7), gamma=0.1)


@pytest.mark.parametrize("schedule", [COSINE, STEPS])
def test_warm_up_is_linear_in_the_step(schedule: CosineSchedule | StepSchedule) -> None:
    assert lr_factor(schedule, 0, 5) == pytest.approx(0.1)
    assert lr_factor(schedule, 5, 5) == pytest.approx(0.55)
    assert lr_factor(schedule, 10, 5) == pytest.approx(1.0)


def test_cosine_ends_at_its_final_factor_on_the_last_step() -> None:
    assert lr_factor(COSINE, 49, 5) == pytest.approx(0.01)
    half = lr_factor(CosineSchedule(epochs=10, warmup_epochs=0, final=0.0), 49, 10)
    assert half == pytest.approx((1 + math.cos(math.pi * 49 / 99)) / 2)
    factors = [lr_factor(COSINE, step, 5) for step in range(10, 50)]
    assert factors == sorted(factors, reverse=True)


def test_steps_drop_at_the_beginning_of_each_milestone() -> None:
    by_epoch = [round(lr_factor(STEPS, 5 * epoch, 5), 6) for epoch in range(2, 10)]
    assert by_epoch == [1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01]
    assert lr_factor(STEPS, 19, 5) == 1


def test_no_warm_up_starts_at_the_peak() -> None:
    assert lr_factor(CosineSchedule(warmup_epochs=0), 0, 5) == 1


def test_a_run_of_one_step_is_no_division_by_zero() -> None:
    assert lr_factor(CosineSchedule(epochs=1, warmup_epochs=0), 0, 1) == 1


def by_epoch(schedule: EpochSchedule, lr: float, steps: int = 3) -> npt.NDArray[np.float64]:
    """The rate of every epoch, which all its steps have."""
    rates = [
        [lr * lr_factor(schedule, epoch * steps + s, steps) for s in range(steps)] for epoch in range(schedule.epochs)
    ]
    assert all(len(set(epoch)) == 1 for epoch in rates)
    return np.array([epoch[0] for epoch in rates])


@pytest.mark.parametrize("lr", [0.00035, 0.0035])
def test_the_schedule_of_the_mindspore_release(lr: float) -> None:
    with np.load(GOLDENS) as golden:
        np.testing.assert_allclose(
            by_epoch(EpochSchedule(), lr), golden[f"mvdms_lr{lr}_head_per_epoch_f64"], rtol=1e-12
        )


def test_the_schedule_of_the_mindspore_release_with_other_settings() -> None:
    schedule = EpochSchedule(epochs=40, warmup_epochs=3, milestones=(10, 11, 12))
    with np.load(GOLDENS) as golden:
        lr, steps, *settings = golden["mvdms_alt_lr_steps_epochs_warmup_start_end"].tolist()
        assert settings == [40, 3, 10, 12]
        np.testing.assert_allclose(np.repeat(by_epoch(schedule, lr), int(steps)), golden["mvdms_alt_f32"], rtol=1e-6)


def test_the_schedule_of_the_pytorch_release() -> None:
    schedule = EpochSchedule(epochs=600, warmup_epochs=10, warmup_start=0.01, milestones=(210,))
    with np.load(GOLDENS) as golden:
        np.testing.assert_allclose(by_epoch(schedule, 2.6e-4), golden["mvdpt_script_used_in_epoch"], rtol=1e-12)


def test_drops_of_the_pytorch_release_count_during_warm_up() -> None:
    schedule = EpochSchedule(epochs=600, warmup_epochs=500, warmup_start=1 / 3, milestones=(100, 550))
    with np.load(GOLDENS) as golden:
        expected = golden["mvdpt_ctor_defaults_lr1_milestones100_550_by_last_epoch"][1:]
        np.testing.assert_allclose(by_epoch(schedule, 1.0), expected, rtol=1e-12)


def test_an_epoch_schedule_without_warm_up_starts_at_the_peak() -> None:
    assert lr_factor(EpochSchedule(warmup_epochs=0), 0, 5) == 1
