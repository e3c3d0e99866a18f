"""Threads that follow the cores which other programs leave free."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from mvd.config import RuntimeConfig
from mvd.runtime import threads
from mvd.runtime.threads import count_threads, free_threads

CPU = torch.device("cpu")
HERE = Path(__file__)  # stands for /proc/stat where only its existence matters


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    yield
    torch.set_num_threads(before)


class Machine:
    """A machine on which others keep some cores busy."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = self.everybody = self.own = 0.0
        monkeypatch.setattr(threads, "_STAT", HERE)
        monkeypatch.setattr("mvd.runtime.threads.time.monotonic", lambda: self.now)
        monkeypatch.setattr(threads, "_busy_seconds", lambda: (self.everybody, self.own))

    def pass_time(self, seconds: float, *, own: float, others: float) -> None:
        self.now += seconds
        self.own += seconds * own
        self.everybody += seconds * (own + others)


def test_threads_make_room_for_others_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    with free_threads(RuntimeConfig(), CPU) as following:
        machine.pass_time(2.0, own=1.9, others=0.05)
        assert not following.follow()
        assert torch.get_num_threads() == 2
        machine.pass_time(2.0, own=1.3, others=0.7)
        assert following.follow()
        assert torch.get_num_threads() == 1
        machine.pass_time(0.5, own=1.0, others=0.0)
        assert not following.follow()  # no second has passed
        machine.pass_time(2.0, own=1.0, others=0.0)
        assert following.follow()
        assert torch.get_num_threads() == 2
        machine.pass_time(2.0, own=1.0, others=1.0)
        assert following.follow()
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("fixed", ["threads", "deterministic", "device", "environment"])
def test_a_fixed_number_stays(monkeypatch: pytest.MonkeyPatch, fixed: str) -> None:
    machine = Machine(monkeypatch)
    if fixed == "environment":
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
    runtime = RuntimeConfig(threads=2 if fixed == "threads" else 0, deterministic=fixed == "deterministic")
    with free_threads(runtime, torch.device("cuda" if fixed == "device" else "cpu")) as following:
        machine.pass_time(2.0, own=1.0, others=1.0)
        assert not following.follow()
        assert torch.get_num_threads() == 2


def test_a_number_that_is_asked_for_is_used_and_put_back() -> None:
    with free_threads(RuntimeConfig(threads=1), CPU):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(("others", "expected"), [(0.0, 8), (0.4, 8), (3.2, 5), (20.0, 1)])
def test_threads_are_the_cores_that_are_left(others: float, expected: int) -> None:
    assert count_threads(8, others, most=8) == expected


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="Linux counts in /proc/stat")
def test_the_system_counts_what_this_process_uses() -> None:
    everybody, own = threads._busy_seconds()
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
    later, own_later = threads._busy_seconds()
    assert own_later - own >= 0.2
    assert later - everybody >= 0.2


@pytest.mark.parametrize(("cores", "expected"), [({1, 3}, 300), ({0, 2}, 3000), ({8, 9}, 3300)])
def test_only_the_cores_of_this_process_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: set[int], expected: int
) -> None:
    """Whoever uses the other cores takes nothing away. Where the numbers are not the system's, all count."""
    table = tmp_path / "stat"
    busy = [1000, 100, 2000, 200]
    lines = [f"cpu{core} {ticks - 9} 5 4 700 50 0 0 0 0 0" for core, ticks in enumerate(busy)]
    table.write_text("\n".join([f"cpu  {sum(busy)} 0 0 2800 200 0 0 0 0 0", *lines, "intr 1 2 3", "ctxt 5"]) + "\n")
    monkeypatch.setattr(threads, "_STAT", table)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: cores)
    monkeypatch.setattr("os.sysconf", lambda _: 1)
    assert threads._busy_seconds()[0] == expected
