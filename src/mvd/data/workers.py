"""Worker processes that end with their parent, and jobs that workers do in order or as they come."""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import islice
from multiprocessing import current_process, parent_process, resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess
from numbers import Integral
from threading import Lock, Thread, current_thread, main_thread
from types import ModuleType
from typing import Any, TypeVar

from mvd.errors import ConfigError, MvdError

Item = TypeVar("Item")
Job = TypeVar("Job")
Result = TypeVar("Result")

_MOST_WORKERS = 1024
_IN_FLIGHT = 3  # running and waiting jobs per worker

# `map_batches`: threads of one process get in each other's way when there are many, and a process takes half a second
# to start.
_PROCESSES_FROM = 8  # workers
_PROCESSES_FOR = 2_000  # items
_MOST_PROCESSES = 16  # by default; one decodes some 600 pictures a second
_ITEMS_OF_THREAD, _ITEMS_OF_PROCESS = 4, 32
_PIECES_AHEAD = 2  # per worker, at least

_starting = Lock()


class _Worker(SpawnProcess):
    """A spawned process that does not import the caller's main module, so that a script needs no guard for it."""

    def start(self) -> None:
        with _starting, _deaf_to_interrupts():
            main = sys.modules["__main__"]
            # A child imports what its parent's main module says that it is: its name or its file.
            sys.modules["__main__"] = ModuleType("__main__")
            try:
                super().start()
            finally:
                sys.modules["__main__"] = main


class _Context(SpawnContext):
    """Makes `_Worker`s, and lists them: the caller may have other children."""

    def __init__(self) -> None:
        super().__init__()
        self.workers: list[_Worker] = []

    def Process(self, *arguments: Any, **named: Any) -> _Worker:  # type: ignore[override]  # noqa: N802 - its name there
        self.workers.append(_Worker(*arguments, **named))
        return self.workers[-1]


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Start children that Ctrl-C does not reach before they ignore it; here it takes effect at the end of the block.

    A child that it ended while it imports, or that its parent left half started, would print a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # when it starts, it unblocks the signal
    found: list[int] = []
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # children inherit it
    # Another thread may take the signal, and Python then handles it in the main thread.
    handler = signal.getsignal(signal.SIGINT)
    ours = callable(handler) and current_thread() is main_thread()
    if ours:
        signal.signal(signal.SIGINT, lambda number, _: found.append(number))
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if found:
            signal.raise_signal(signal.SIGINT)


def worker_count(workers: int) -> int:
    """Resolve a number of workers; 0 means one per core that this process may use.

    Raises:
        ConfigError: it is not a whole number, negative, or absurdly large.
    """
    if not isinstance(workers, Integral) or not 0 <= workers <= _MOST_WORKERS:
        raise ConfigError(f"workers: expected 0 (one for each core) or more, at most {_MOST_WORKERS}, found {workers}")
    if workers:
        return int(workers)
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
    context = _Context()
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_follow_parent, initargs=(threads,))
    try:
        yield pool
    except (KeyboardInterrupt, SystemExit):
        for worker in context.workers:  # otherwise the pool would wait for running jobs
            if worker.pid is not None:
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


def map_batches(
    function: Callable[[Item], Result], items: Sequence[Item], size: int, workers: int
) -> Generator[list[Result], None, None]:
    """Apply a function to items in parallel, and yield the results in order, in lists of `size`, the last one shorter.

    Workers are threads, or processes if there are many of both workers and items and this process may have children.
    They work ahead of the caller by a list, or a few items each. Close the generator to cancel the remaining items.

    Args:
        function: for processes, a picklable function with picklable results.
        items: the items, picklable.
        size: results in a list.
        workers: number of workers; 0 means one per core, but at most sixteen processes.

    Raises:
        Exception: the exception of the first item in order that has one.
        MvdError: a worker was killed.
    """
    given, workers = workers, worker_count(workers)
    pool: AbstractContextManager[Executor]
    if workers >= _PROCESSES_FROM and len(items) >= _PROCESSES_FOR and not current_process().daemon:
        workers = given or min(workers, _MOST_PROCESSES)
        pool, most = process_pool(workers), _ITEMS_OF_PROCESS
    else:
        pool, most = ThreadPoolExecutor(workers), _ITEMS_OF_THREAD
    batches = [items[start : start + size] for start in range(0, len(items), size)]
    ahead = max(_PIECES_AHEAD * workers, -(-size // most))
    pieces = (batch[start : start + most] for batch in batches for start in range(0, len(batch), most))
    with pool as executor:
        running: deque[Future[list[Result]]] = deque()
        try:
            for batch in batches:
                found: list[Result] = []
                while len(found) < len(batch):
                    for piece in islice(pieces, 1 + ahead - len(running)):
                        running.append(executor.submit(partial(_apply, function), piece))
                    found += running.popleft().result()
                yield found
        except BrokenProcessPool as error:
            raise MvdError(
                "expected every worker to read its pictures, found one killed, for lack of memory perhaps; use fewer "
                "--workers"
            ) from error
        except BaseException:
            executor.shutdown(cancel_futures=True)
            raise


def _apply(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    return [function(item) for item in items]


def _follow_parent(threads: int | None) -> None:
    """Ignore Ctrl-C, which the parent handles, and end when the parent does."""
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # blocked by `_deaf_to_interrupts`
    Thread(target=_exit_after_parent, daemon=True).start()


def _exit_after_parent() -> None:
    parent = parent_process()
    if parent is not None:
        # The system closes the parent's end of a pipe even if the parent is killed.
        parent.join()
        os._exit(1)
