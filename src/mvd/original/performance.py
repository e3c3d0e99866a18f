"""The release's result file, such as SYSU_train_performance.txt, whose lines are also printed.

Names and order of the figures are the release's, so that programs that read its files can read these. The release swaps
its two labels of the learning rates; these files do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from mvd.config import RunConfig
from mvd.errors import RunError, plural
from mvd.files.appending import append, end_last_line
from mvd.files.names import one_line
from mvd.metrics.scores import Scores
from mvd.runs.observer import StepLog

RULER = "*" * 78


class PerformanceFile:
    """A text file to which lines are appended.

    Args:
        path: the file; it is created if missing.

    Raises:
        RunError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._append("")

    def write(self, *lines: str) -> None:
        """Append lines, and print them.

        Raises:
            RunError: the file can no longer be written.
        """
        text = "".join(f"{one_line(line)}\n" for line in lines)
        self._append(text)
        print(text, end="", flush=True)

    def _append(self, text: str) -> None:
        try:
            end_last_line(self.path, keep=True)
            append(self.path, text)
        except OSError as error:
            raise RunError(
                f"{self.path}: expected a result file to write to, could not ({error.strerror or error}); make room, "
                f"or start in a folder that can be written to"
            ) from error


def start_lines() -> tuple[str, str]:
    """Return the lines at the start of training or of an epoch."""
    return f"==>{datetime.now():%Y-%m-%d_%H-%M-%S}", "==> Start Training..."


def step_line(log: StepLog, steps: int, config: RunConfig) -> str:
    """Return a log line.

    Args:
        log: means over the steps since the last line.
        steps: steps per epoch.
        config: configuration of the run.
    """
    return (
        f"Epoch: [{log.epoch}][{log.step - (log.epoch - 1) * steps}/{steps}]   "
        f"Convolution LR: {log.lr * config.optimizer.encoder_lr_scale:.7f}   "
        f"IB & Classifier LR: {log.lr:.7f}    "
        f"Loss:{log.losses['total']:.4f}   "
        f"id:{log.losses.get('identity', 0.0):.4f}   "
        f"tri:{log.losses.get('metric', 0.0):.4f}   "
        f"Batch Time:{config.batch_size / log.pictures_per_second:.2f}  "
        f"Accuracy:{100 * log.accuracy:.2f}"
    )


def validation_line(figures: Mapping[str, float]) -> str:
    """Return the line of an epoch's figures: rank-1 and mAP, 0 to 1."""
    return f"rank-1: {figures['rank-1']:.2%}, mAP: {figures['mAP']:.2%}"


def result_lines(result: Scores) -> tuple[str, str]:
    """Return the lines of a protocol and its figures."""
    rank_1, rank_5, rank_10, rank_20, average, _ = result.mean
    trials = f"{result.trials} {plural(result.trials, 'trial')}"
    trials = trials if result.trials == 1 else f"mean of {trials}"
    return (
        f"Protocol: {result.protocol}, {result.valid_queries} {plural(result.valid_queries, 'query')} with a match, "
        f"gallery {result.gallery}, {trials}",
        f"Original Observation:   Rank-1: {rank_1:.2%} | Rank-5: {rank_5:.2%} | Rank-10: {rank_10:.2%}| "
        f"Rank-20: {rank_20:.2%}| mAP: {average:.2%}",
    )


def final_lines(search: str, result: Scores, chosen: str) -> tuple[str, ...]:
    """Return the lines of the test figures at the end of a run.

    Args:
        search: data set and search, such as "SYSU-MM01 all".
        result: the figures.
        chosen: how the weights were chosen, or an empty text.
    """
    best = f"Best: rank-1: {result.mean.rank_1:.2%}, mAP: {result.mean.mAP:.2%}"
    return (
        *result_lines(result),
        RULER,
        f"For {search} search, the testing result is:",
        f"{best}, {chosen}" if chosen else best,
    )
