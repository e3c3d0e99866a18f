"""Progress without a terminal: a line now and then, and a line for each validation."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from mvd.reporting.terminal import progress
from mvd.reporting.terminal.progress import TrainingBar, counting_bar
from mvd.runs.observer import StepLog

LOG = StepLog(
    step=20,
    epoch=2,
    losses={"identity": 1.5, "total": 2.25},
    accuracy=0.5,
    lr=1e-3,
    pictures_per_second=99.6,
    memory={"resident": 512_400_000, "device": 3_210_000_000},
)


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setattr(progress, "_QUIET_SECONDS", 0.0)
    return Console(file=io.StringIO(), force_terminal=False, width=200)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_training_line_names_losses_accuracy_rate_memory_and_time_left(console: Console) -> None:
    seconds = iter([0.0, 0.0, 10.0, 75.0])  # at the making, the start, the line and the validation
    with TrainingBar(console, clock=lambda: next(seconds)) as bar:
        bar.started(0, 100)
        assert bar.stepped(1)
        bar.logged(LOG)
        bar.validated(2, {"rank-1": 0.25, "mAP": 0.5}, best=True)
    step, validation = printed(console).splitlines()
    assert step == (
        "step 20 of 100: epoch 2 · identity 1.500 total 2.250 · accuracy 50% · lr 1.0e-03 · 100 pictures/s"
        " · memory 512 MB · device memory 3.2 GB · 0:00:40 left"
    )
    assert validation == "epoch 2: validation rank-1 25.0%, mAP 50.0% (best so far), after 0:01:15"


def test_the_time_left_counts_what_validations_take(console: Console) -> None:
    seconds = iter([0.0, 0.0, 30.0, 60.0])
    with TrainingBar(console, clock=lambda: next(seconds)) as bar:
        bar.started(40, 100)
        bar.validated(2, {"mAP": 0.5}, best=False)
        bar.logged(LOG._replace(step=60))
    assert printed(console).splitlines()[-1].endswith(" · 0:02:00 left")


def test_a_line_in_a_log_file_is_one_line() -> None:
    console = Console(file=io.StringIO(), force_terminal=False, width=40)
    with TrainingBar(console) as bar:
        bar.validated(2, {"rank-1": 0.25, "mAP": 0.5, "mINP": 0.125}, best=True)
    assert printed(console).count("\n") == 1


def test_a_run_is_stopped_after_the_step_at_hand(console: Console) -> None:
    with TrainingBar(console) as bar:
        assert bar.stepped(1)
        bar.stop()
        assert not bar.stepped(2)


def test_counting_says_how_far_it_is(console: Console) -> None:
    with counting_bar(console, "rendering") as bar:
        bar(1500, 3000)
    assert printed(console).startswith("rendering: 1,500 of 3,000 pictures, ")


def test_a_terminal_gets_a_bar_with_the_last_losses() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=160)
    with TrainingBar(console) as bar:
        bar.started(0, 100)
        bar.logged(LOG)
        bar.stepped(20)
    assert "identity 1.500" in printed(console)
    assert "20/100" in printed(console)
