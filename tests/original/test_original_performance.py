"""The result file's lines, character by character, and that it is never overwritten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_scores import sysu_scores

from mvd.errors import RunError
from mvd.metrics.scores import Scores
from mvd.original import settings
from mvd.original.performance import PerformanceFile, final_lines, result_lines, step_line, validation_line
from mvd.runs.observer import StepLog

LOG = StepLog(
    step=795,
    epoch=2,
    losses={"identity": 8.51234, "metric": 0.5, "total": 9.01234},
    accuracy=0.12345,
    lr=0.0007,
    pictures_per_second=80.0,
    memory={},
)


def result(trials: int) -> Scores:
    cmc = np.linspace(0.6008, 0.9, 20)[None].repeat(trials, axis=0)
    figures = np.full(trials, 0.5755)
    return sysu_scores(cmc, figures, protocol="sysu/all-search/single-shot/official", valid_queries=3800, mINP=figures)


def test_a_step_has_the_line_of_the_release() -> None:
    release = replace(settings.RELEASE, sampling=replace(settings.RELEASE.sampling, identities=8, pictures=4))
    assert step_line(LOG, 695, release) == (
        "Epoch: [2][100/695]   Convolution LR: 0.0000700   IB & Classifier LR: 0.0007000    Loss:9.0123   id:8.5123   "
        "tri:0.5000   Batch Time:0.80  Accuracy:12.35"
    )


def test_a_run_without_the_metric_loss_has_zero_in_its_place() -> None:
    log = LOG._replace(losses={"identity": 2.0, "total": 2.0})
    assert "Loss:2.0000   id:2.0000   tri:0.0000" in step_line(log, 695, settings.RELEASE)


def test_an_epoch_has_the_line_of_the_release() -> None:
    assert validation_line({"rank-1": 0.60076, "mAP": 0.5755, "mINP": 0.3}) == "rank-1: 60.08%, mAP: 57.55%"


def test_a_result_has_the_line_of_the_release_and_its_protocol() -> None:
    protocol, figures = result_lines(result(10))
    assert protocol == (
        "Protocol: sysu/all-search/single-shot/official, 3800 queries with a match, gallery 301, mean of 10 trials"
    )
    assert figures == (
        "Original Observation:   Rank-1: 60.08% | Rank-5: 66.38% | Rank-10: 74.25%| Rank-20: 90.00%| mAP: 57.55%"
    )
    assert result_lines(result(1))[0].endswith("1 trial")


def test_a_run_ends_with_the_lines_of_the_release() -> None:
    lines = final_lines("SYSU-MM01 all", result(10), "Best epoch: 7(by something)")
    assert lines[2] == "*" * 78
    assert lines[3:] == (
        "For SYSU-MM01 all search, the testing result is:",
        "Best: rank-1: 60.08%, mAP: 57.55%, Best epoch: 7(by something)",
    )


def test_lines_are_added_and_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "SYSU_train_performance.txt"
    PerformanceFile(file).write("one")
    PerformanceFile(file).write("two", "três")
    assert file.read_text(encoding="utf-8") == "one\ntwo\ntrês\n" == capsys.readouterr().out


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no/file\.txt: expected a result file to write to, could not"):
        PerformanceFile(tmp_path / "no" / "file.txt")
