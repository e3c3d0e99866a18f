"""Run status: state.json is written at the start and at the end of training, and crashes are detected.

A killed process does not record its end. So a run in the state "running" is checked: on this machine by id and start
time of its process, otherwise by the time of its last log line.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from mvd.config.files import structure
from mvd.errors import RunError
from mvd.files.atomic import write_json
from mvd.files.regular import require_regular
from mvd.files.strict_json import parse_json

StateName = Literal["running", "finished", "stopped", "failed", "killed", "unknown"]

_SILENCE = 1800.0  # seconds without a log line or checkpoint after which a run on another machine counts as killed


@dataclass(frozen=True, kw_only=True)
class RunState:
    """The state of a run, written by its training process.

    Attributes:
        state: "running" until the end; then "finished", "stopped" (by Ctrl-C) or "failed".
        steps: total number of steps; 0 if not known yet.
        device: the training device.
        host: name of the machine.
        process: process id.
        born: start time of that process in the system's units; None if unknown.
        began: Unix time of the start, in seconds.
        ended: Unix time of the end, in seconds; None before the end.
        reason: why the run failed; None if it did not.
        changes: changes of settings since the run was started, one line each.
    """

    state: Literal["running", "finished", "stopped", "failed"]
    steps: int
    device: str
    host: str
    process: int
    born: str | None
    began: float
    ended: float | None = None
    reason: str | None = None
    changes: tuple[str, ...] = ()


def running(device: str, steps: int = 0) -> RunState:
    """Build the state of a run that this process trains."""
    process = os.getpid()
    return RunState(
        state="running",
        steps=steps,
        device=device,
        host=socket.gethostname(),
        process=process,
        born=_born(process),
        began=time.time(),
    )


def write_state(path: Path, state: RunState) -> None:
    """Write a run's state into its folder.

    Raises:
        RunError: the file cannot be written.
    """
    write_json(path / "state.json", asdict(state))


def read_state(path: Path) -> RunState | None:
    """Read a run's state; None if there is none.

    Raises:
        RunError: the file is damaged.
    """
    file = path / "state.json"
    try:
        if not file.exists():
            return None
        require_regular(file)
        state = structure(parse_json(file.read_text(encoding="utf-8")), RunState, "state")
        if not 0 < state.process < 2**31 or state.steps < 0:  # otherwise it would name a process group
            raise ValueError(f"process {state.process}, steps {state.steps}")
        return state
    except (OSError, ValueError) as error:
        raise RunError(f"{file}: expected the state of a run, found something else ({error})") from error


def judge(path: Path, state: RunState | None) -> StateName:
    """Return the status of a run, "killed" if its process is gone.

    Args:
        path: the run folder.
        state: content of state.json; None if it does not exist, which gives "unknown".
    """
    if state is None:
        return "unknown"
    if state.state != "running":
        return state.state
    if state.host == socket.gethostname() and sys.platform != "win32":
        return "running" if _alive(state) else "killed"
    return "running" if time.time() - last_sign(path) < _SILENCE else "killed"


def last_sign(path: Path) -> float:
    """Return the Unix time at which a file of a run was last written; 0 if there is none."""
    files = [
        path / name
        for name in ("metrics.jsonl", "state.json", "config.json", "data.json", "checkpoints/last.safetensors")
    ]
    return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)


def _alive(state: RunState) -> bool:
    try:
        os.kill(state.process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's process
    # Process ids are reused: another start time is another process.
    return state.born is None or _born(state.process) in (state.born, None)


def _born(process: int) -> str | None:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]  # field 22 of proc(5), in clock ticks since the machine started
