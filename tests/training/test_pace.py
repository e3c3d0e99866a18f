"""What is due after a step."""

from __future__ import annotations

from mvd.config import CosineSchedule, RunConfig, RuntimeConfig
from mvd.training.pace import due_after


def test_lines_validations_and_the_end_come_when_they_should() -> None:
    config = RunConfig(schedule=CosineSchedule(epochs=3), runtime=RuntimeConfig(log_every=3, validate_every=2))
    due = {step: due_after(config, step, 4) for step in range(1, 13)}
    assert [step for step, one in due.items() if one.log] == [3, 6, 8, 9, 12]
    assert [step for step, one in due.items() if one.validate] == [8, 12]
    assert [step for step, one in due.items() if one.last] == [12]
    assert [one.epoch for one in due.values()] == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3]
