"""Does jobs in several processes, of which the calling one is the first.

Each worker has a pipe of its own and is told a few jobs at a time. A pipe ends when whoever holds its other end does,
however that comes about: so a worker that is killed is noticed, and workers end when the caller is killed. The calling
process works in a thread, so it loses no time while the others start, and none while the caller waits for the disk.

`concurrent.futures` is not used because its pool of Python 3.11 can wait for ever when a worker is killed while it is
given a job.
"""

from __future__ import annotations

import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any, TypeVar

from mvd.errors import MvdError

Key = TypeVar("Key")
Result = TypeVar("Result")

_IN_HAND = 3  # jobs that a worker does or has waiting


class LostWorkerError(Exception):
    """A worker ended before its jobs were done: killed, or by a mistake of ours, which has left a traceback.

    Attributes:
        exit_code: of its process, as far as it is known; negative for the signal that killed it.
    """

    exit_code: int | None = None


def in_parallel(jobs: Iterable[tuple[Key, Callable[[], Result]]], workers: int) -> Generator[tuple[Key, Result]]:
    """Do jobs, and yield the result of each when there is one, with the key that came with the job.

    Args:
        jobs: keys, and functions that can be pickled and have results that can be. They are asked for as they are
            needed.
        workers: number of processes, from 1; the caller's counts.

    Raises:
        MvdError, OSError: raised by a job; no others are begun after it.
        LostWorkerError: a worker ended.
    """
    waiting = iter(jobs)
    with ExitStack() as stack:
        in_hand: dict[Connection, deque[Key]] = {}
        for number in range(workers):
            connection = stack.enter_context(_thread() if number == 0 else _process())
            in_hand[connection] = deque(_hand_out(connection, waiting, _IN_HAND))
        while busy := [connection for connection, keys in in_hand.items() if keys]:
            ready = wait(busy)
            for connection in [connection for connection in busy if connection in ready]:
                answer = _receive(connection)
                key = in_hand[connection].popleft()
                in_hand[connection].extend(_hand_out(connection, waiting, 1))
                yield key, answer


def _hand_out(
    connection: Connection, waiting: Iterator[tuple[Key, Callable[[], Result]]], number: int
) -> Generator[Key]:
    """Send some of the jobs that wait to a worker, and yield their keys."""
    for key, job in islice(waiting, number):
        try:
            connection.send(job)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise LostWorkerError from error
        yield key


def _receive(connection: Connection) -> Any:
    try:
        answer = connection.recv()
    except (EOFError, ConnectionResetError) as error:
        raise LostWorkerError from error
    if isinstance(answer, Exception):
        raise answer
    return answer


@contextmanager
def _thread() -> Iterator[Connection]:
    """Start a worker in this process."""
    ours, theirs = Pipe()
    thread = Thread(target=_serve, args=(theirs,))
    thread.start()
    try:
        yield ours
    finally:
        ours.close()
        thread.join()


@contextmanager
def _process() -> Iterator[Connection]:
    """Start a worker in a process of its own."""
    ours, theirs = Pipe()
    # A spawned process starts clean on every system: a fork copies the caller's threads' locks.
    process = get_context("spawn").Process(target=_serve_apart, args=(theirs,))
    process.start()
    theirs.close()  # so that the worker holds the only one
    try:
        yield ours
    except LostWorkerError as error:
        ours.close()
        process.join()
        error.exit_code = error.exit_code or process.exitcode
        raise
    finally:
        ours.close()
        process.join()


def _serve_apart(connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's
    _serve(connection)


def _serve(connection: Connection) -> None:
    """Do jobs as they come, until the caller closes the pipe or ends."""
    with connection:
        while message := _next(connection):
            job = pickle.loads(message)
            try:
                answer = job()
            except (MvdError, OSError) as error:
                answer = error
            with suppress(BrokenPipeError, ConnectionResetError):  # nobody waits for it any more
                connection.send(answer)


def _next(connection: Connection) -> bytes:
    """Wait for a message; an empty one stands for the end."""
    try:
        return connection.recv_bytes()
    except (EOFError, ConnectionResetError):
        return b""


def worker_count(workers: int) -> int:
    """Resolve a number of workers, of which 0 means one for each core that this process may use."""
    if workers:
        return workers
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    return len(affinity(0)) if affinity else os.cpu_count() or 1
