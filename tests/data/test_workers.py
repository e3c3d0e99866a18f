"""Workers: every job is done once, whoever does it; errors come through; a worker that is lost is noticed."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from mvd.data.images import verify_image
from mvd.data.workers import LostWorkerError, in_parallel
from mvd.errors import DatasetError

NOTHING = partial(time.sleep, 0)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_every_job_is_done_once(workers: int) -> None:
    results = list(in_parallel(((number, partial(pow, number, 2)) for number in range(50)), workers))
    assert sorted(results) == [(number, number**2) for number in range(50)]
    assert not list(in_parallel(iter([]), workers))


def test_the_callers_process_and_another_share_the_work() -> None:
    processes = set()
    jobs: Iterator[tuple[int, Callable[[], int]]] = ((0, os.getpid) for _ in range(1_000_000))
    for _, process in (results := in_parallel(jobs, 2)):
        processes.add(process)
        if len(processes) == 2:
            results.close()
    assert os.getpid() in processes
    assert not multiprocessing.active_children()


def test_jobs_are_asked_for_as_they_are_needed() -> None:
    asked = 0

    def jobs() -> Iterator[tuple[int, Callable[[], None]]]:
        nonlocal asked
        for asked in range(1, 101):
            yield asked, NOTHING

    for done, _ in enumerate(in_parallel(jobs(), 1), start=1):
        assert asked <= done + 4
    assert asked == 100


@pytest.mark.parametrize("workers", [1, 2])
def test_the_error_of_a_job_ends_all(workers: int) -> None:
    for job, error in ((partial(verify_image, Path("none.jpg")), DatasetError), (Path("none").stat, FileNotFoundError)):
        jobs = [(number, job if number == 20 else NOTHING) for number in range(40)]
        with pytest.raises(error, match="none"):
            list(in_parallel(jobs, workers))
        assert not multiprocessing.active_children()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_mistake_in_a_job_loses_its_worker(workers: int) -> None:
    with pytest.raises(LostWorkerError):
        list(in_parallel([(number, partial(int, "no number")) for number in range(40)], workers))
    assert not multiprocessing.active_children()


def test_a_killed_worker_is_noticed() -> None:
    results = in_parallel(((number, partial(time.sleep, 0.01)) for number in range(1000)), 3)
    next(results)
    multiprocessing.active_children()[0].kill()
    with pytest.raises(LostWorkerError) as error:
        list(results)
    assert error.value.exit_code == -9
    assert not multiprocessing.active_children()
