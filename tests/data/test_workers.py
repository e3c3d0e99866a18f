"""Workers: every job runs once, whoever runs it; errors come through; workers end with their parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import mvd.data.workers as workers_module
from mvd.data.workers import map_batches, process_pool, run_unordered, worker_count
from mvd.errors import ConfigError, DatasetError, MvdError


def square(number: int) -> int:
    return number**2


def process(_: int) -> int:
    return os.getpid()


def end_process(_: int) -> None:
    os._exit(9)


def fail(number: int) -> None:
    if number == 20:
        raise DatasetError("bad picture")


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_every_job_is_done_once(workers: int) -> None:
    assert sorted(run_unordered(square, range(50), workers)) == [(number, number**2) for number in range(50)]
    assert not list(run_unordered(square, iter(()), workers))


def test_the_callers_process_and_another_share_the_work() -> None:
    processes = set()
    for _, one in (results := run_unordered(process, range(1_000_000), 2)):
        processes.add(one)
        if len(processes) == 2:
            results.close()
    assert os.getpid() in processes
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("workers", [1, 2])
def test_jobs_are_taken_as_they_are_needed(workers: int) -> None:
    taken = 0

    def jobs() -> Iterator[int]:
        nonlocal taken
        for number in range(1, 101):
            taken = number
            yield number

    for done, _ in enumerate(run_unordered(square, jobs(), workers), start=1):
        assert taken <= done + 4
    assert taken == 100


@pytest.mark.parametrize("workers", [1, 2])
def test_the_error_of_a_job_ends_all(workers: int) -> None:
    with pytest.raises(DatasetError, match="bad picture"):
        list(run_unordered(fail, range(40), workers))
    assert not multiprocessing.active_children()


def test_a_killed_worker_is_noticed() -> None:
    results = run_unordered(time.sleep, [0.01] * 1000, 3)
    next(results)
    multiprocessing.active_children()[0].kill()
    with pytest.raises(BrokenProcessPool):
        list(results)
    assert not multiprocessing.active_children()


PARENT = """
import time
from mvd.data.workers import process_pool
with process_pool(2) as pool:
    print(*pool.map(abs, range(8)), flush=True)
    pool.submit(time.sleep, 600)
    time.sleep(600)
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_parent(number: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "0 1 2 3 4 5 6 7\n"
        parent.send_signal(number)
        began = time.monotonic()
        assert parent.stdout.read() == ""  # ends when every process that holds the pipe has ended
        assert time.monotonic() - began < 10


@pytest.fixture(params=["threads", "processes"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have `map_batches` use threads, or processes, for a few items."""
    if request.param == "processes":
        monkeypatch.setattr(workers_module, "_PROCESSES_FROM", 2)
        monkeypatch.setattr(workers_module, "_PROCESSES_FOR", 2)
        monkeypatch.setattr(workers_module, "_ITEMS_OF_PROCESS", 3)
    return str(request.param)


@pytest.mark.parametrize("size", [1, 7, 100])
def test_batches_are_in_order(kind: str, size: int) -> None:
    found = list(map_batches(square, range(50), size, 2))
    assert [len(batch) for batch in found] == [size] * (50 // size) + ([50 % size] if 50 % size else [])
    assert [number for batch in found for number in batch] == [number**2 for number in range(50)]
    assert not list(map_batches(square, [], size, 2))


def test_batches_are_computed_where_there_is_room(kind: str) -> None:
    found = {one for batch in map_batches(process, range(50), 10, 2) for one in batch}
    assert (os.getpid() in found) == (kind == "threads")


@pytest.mark.parametrize("kind", ["processes"], indirect=True)
def test_a_daemon_which_may_have_no_processes_takes_threads(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers_module, "current_process", lambda: SimpleNamespace(daemon=True))
    assert {one for batch in map_batches(process, range(20), 10, 2) for one in batch} == {os.getpid()}


@pytest.mark.usefixtures("kind")
def test_an_error_comes_after_the_batches_before_it() -> None:
    batches = map_batches(fail, range(40), 10, 2)
    assert [len(next(batches)) for _ in range(2)] == [10, 10]
    with pytest.raises(DatasetError, match="bad picture"):
        next(batches)
    assert not multiprocessing.active_children()


@pytest.mark.usefixtures("kind")
def test_batches_that_are_not_wanted_are_cancelled() -> None:
    batches = map_batches(square, range(1_000_000), 1000, 2)
    next(batches)
    batches.close()
    assert not multiprocessing.active_children()


def test_a_killed_worker_of_batches_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers_module, "_PROCESSES_FROM", 2)
    monkeypatch.setattr(workers_module, "_PROCESSES_FOR", 2)
    with pytest.raises(MvdError, match="found one killed, for lack of memory perhaps"):
        list(map_batches(end_process, range(40), 10, 2))
    assert not multiprocessing.active_children()


def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from mvd.data.workers import run_unordered\n"
        "print(sorted(number for number, _ in run_unordered(abs, range(200), 3)) == list(range(200)))\n"
        "import __main__\n"
        "print(__main__.__file__ == __file__)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["True", "True"], done.stderr


def _interrupted() -> None:
    with process_pool(1) as pool:
        pool.submit(time.sleep, 60)
        raise KeyboardInterrupt


def test_ctrl_c_ends_no_child_of_the_caller() -> None:
    other = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    other.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            _interrupted()
        assert other.is_alive()
    finally:
        other.kill()
        other.join()


@pytest.mark.parametrize("workers", [None, 1.5, "2"])
def test_workers_are_a_whole_number(workers: Any) -> None:
    with pytest.raises(ConfigError, match=f"workers: expected 0 .*, found {workers}"):
        worker_count(workers)


def _tell_blocked(answers: Any) -> None:
    answers.put(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_does_not_reach_a_worker_that_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = multiprocessing.get_context("spawn").SimpleQueue()
    worker = workers_module._Worker(target=_tell_blocked, args=(answers,))
    worker.start()
    assert answers.get()
    worker.join()
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    # Here it takes effect once the worker is started.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    started = []

    def start(self: object) -> None:
        signal.raise_signal(signal.SIGINT)
        started.append(self)

    monkeypatch.setattr(SpawnProcess, "start", start)
    try:
        with pytest.raises(KeyboardInterrupt):
            workers_module._Worker(target=_tell_blocked).start()
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(started) == 1
