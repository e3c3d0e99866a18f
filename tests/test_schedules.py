"""Learning-rate curves at their corners, and against a hand-made table."""

from __future__ import annotations

import math

import pytest

from mvd.config import CosineSchedule, StepSchedule
from mvd.schedules import lr_factor

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
