"""Workers: every job once, whoever does it; errors come through; a worker that is lost is noticed."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from mvd.data.workers import LostWorkerError, in_parallel
from mvd.errors import DatasetError
from mvd.data.journal import open_journal


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("jobs", [0, 1, 50])
def test_every_job_is_done_once(workers: int, jobs: int) -> None:
    results = list(in_parallel(((number, partial(pow, number, 2)) for number in range(jobs)), workers))
    assert sorted(results) == [(number, number**2) for number in range(jobs)]


def test_the_callers_process_and_others_share_the_work() -> None:
    processes = {process for _, process in in_parallel(((0, os.getpid) for _ in range(5000)), 2)}
    assert len(processes) == 2
    assert os.getpid() in processes
    assert not multiprocessing.active_children()


def test_jobs_are_asked_for_as_they_are_needed() -> None:
    asked = 0

    def jobs() -> Iterator[tuple[int, Callable[[], int]]]:
        nonlocal asked
        for number in range(1000):
            asked += 1
            yield number, os.getpid

    results = in_parallel(jobs(), 2)
    next(results)
    assert asked < 10
    results.close()
    assert asked < 10
