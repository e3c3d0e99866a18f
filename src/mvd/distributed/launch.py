"""What a process knows of the launch that it is part of: torchrun tells each its number in the environment.

Needs no framework. How the processes talk is the backend's (`mvd.engine.Ranks`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import FrameType

from mvd.errors import MvdError

# Longer than torchrun takes to end the others once one has failed.
_PATIENCE_SECONDS = 5.0


def process_count() -> int:
    """Count the processes of this launch; 1 where it is an ordinary one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def process_index() -> int:
    """Tell which of them this is, from 0."""
    return int(os.environ.get("RANK", "0")) if process_count() > 1 else 0


def launch(count: int, command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Start a Python program as several processes on this machine, by torchrun, and wait for their end.

    Args:
        count: of the processes.
        command: the program's file and its arguments.
        environment: variables that it gets beside those of this process.

    Returns:
        The exit code: 0 where all went well, 130 where Ctrl-C stopped them.
    """
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    interrupted = False

    def note(number: int, frame: FrameType | None) -> None:
        # A terminal sends it to torchrun too, which sees to the processes.
        nonlocal interrupted
        interrupted = True

    before = signal.signal(signal.SIGINT, note)
    try:
        with subprocess.Popen([*torchrun, *command], env={**os.environ, **environment}) as process:
            code = process.wait()
    finally:
        signal.signal(signal.SIGINT, before)
    return 130 if interrupted else int(code != 0)


@contextmanager
def first_one_speaks() -> Iterator[None]:
    """Let the first process alone print; what ends a process is printed outside of this."""
    if process_index() == 0:
        yield
        return
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def print_error(line: str, error: MvdError) -> None:
    """Tell a user of an error, unless another process of the launch does.

    Args:
        line: what to print.
        error: which error it is of; the processes may have agreed on who speaks of it (`MvdError.silent`).
    """
    if error.silent is None and process_index() > 0:
        # They had not met yet. The first one most likely has the same to say, and that is then the end of this one.
        time.sleep(_PATIENCE_SECONDS)
    if not error.silent:
        print(line if process_index() == 0 else f"process {process_index()}: {line}", file=sys.stderr)
