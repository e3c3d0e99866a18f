"""Worker processes that end with their parent, and jobs that the parent and its workers share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from multiprocessing import active_children, get_context, parent_process
from threading import Thread
from typing import TypeVar

from mvd.errors import ConfigError

Job = TypeVar("Job")
Result = TypeVar("Result")

_MOST_WORKERS = 1024
_IN_FLIGHT = 3  # running and waiting jobs per worker


def worker_count(workers: int) -> int:
    """Resolve a number of workers; 0 means one per core that this process may use.

    Raises:
        ConfigError: the number is negative, or absurdly large.
    """
    if not 0 <= workers <= _MOST_WORKERS:
        raise ConfigError(f"workers: expected 0 (one for each core) or more, at most {_MOST_WORKERS}, found {workers}")
    if workers:
        return workers
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@contextmanager
def process_pool(workers: int, *, threads: int | None = None) -> Iterator[ProcessPoolExecutor]:
    """Open a pool of spawned processes that end when this process does, even if it is killed.

    Jobs that have not started are cancelled when the context ends. Only this process handles Ctrl-C. If a worker is
    killed, the results of its jobs raise `concurrent.futures.process.BrokenProcessPool`.

    Args:
        workers: number of processes.
        threads: number of threads of a framework in a worker, which it reads when a job imports it.
    """
    # Spawned processes start clean on every system; a fork would copy the locks of this process's threads.
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_follow_parent, initargs=(threads,)
    )
    try:
        yield pool
    except (KeyboardInterrupt, SystemExit):
        for worker in active_children():  # otherwise the pool would wait for running jobs
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def run_unordered(
    function: Callable[[Job], Result], jobs: Iterable[Job], workers: int
) -> Generator[tuple[Job, Result], None, None]:
    """Apply a function to jobs in several processes and yield (job, result) as they finish.

    This process works too, so small amounts of work do not wait for other processes to start. Jobs are read from the
    iterable when needed. Close the generator to cancel the remaining jobs.

    Args:
        function: a picklable function with picklable results.
        jobs: picklable jobs.
        workers: number of processes, at least 1, including this one.

    Raises:
        Exception: the exception of a job; no further job is started.
        BrokenProcessPool: a worker was killed.
    """
    waiting = iter(jobs)
    if workers == 1:
        for job in waiting:
            yield job, function(job)
        return
    with process_pool(workers - 1) as pool:
        running: dict[Future[Result], Job] = {}
        while True:
            own = list(islice(waiting, 1))
            for job in islice(waiting, _IN_FLIGHT * (workers - 1) - len(running)):
                running[pool.submit(function, job)] = job
            if not (own or running):
                return
            for job in own:
                yield job, function(job)
            for future in wait(running, timeout=0 if own else None, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()


def _follow_parent(threads: int | None) -> None:
    """Ignore Ctrl-C, which the parent handles, and end when the parent does."""
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_exit_after_parent, daemon=True).start()


def _exit_after_parent() -> None:
    parent = parent_process()
    if parent is not None:
        # The system closes the parent's end of a pipe even if the parent is killed.
        parent.join()
        os._exit(1)
