"""The launch that a process is part of, as torchrun describes it in the environment; and starting one.

Needs no framework. `mvd.distributed.joined` connects the processes.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import FrameType

from mvd.errors import ConfigError, MvdError

# Seconds; longer than torchrun takes to end the others once one has failed.
_PATIENCE_SECONDS = 5.0

_PR_SET_PDEATHSIG = 1  # of prctl(2)


def process_count() -> int:
    """Return the number of processes of this launch; 1 for an ordinary command.

    Raises:
        ConfigError: the environment says something else than a number.
    """
    return _number("WORLD_SIZE", 1)


def process_index() -> int:
    """Return the index of this process, from 0."""
    return _number("RANK", 0) if process_count() > 1 else 0


def _number(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal():
        raise ConfigError(
            f"{name}: expected a number, as torchrun sets it, found {text!r} in the environment; unset it: env -u "
            f"{name} ..."
        )
    return int(text)


def launch(count: int, command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Start a Python program as several processes on this machine with torchrun, and wait for their end.

    Args:
        count: number of processes.
        command: the program's file and its arguments.
        environment: variables that it gets beside those of this process.

    Returns:
        The exit code: 0 where all went well, 130 where Ctrl-C stopped them.
    """
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    interrupted = False

    def note(number: int, frame: FrameType | None) -> None:
        # A terminal sends the signal to torchrun too, which ends the processes.
        nonlocal interrupted
        interrupted = True

    before = signal.signal(signal.SIGINT, note)
    try:
        with subprocess.Popen(
            [*torchrun, *command],
            env={**os.environ, **environment},
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 (no threads here)
        ) as process:
            try:
                code = process.wait()
            except BaseException:
                process.terminate()
                raise
    finally:
        signal.signal(signal.SIGINT, before)
    return 130 if interrupted else int(code != 0)


def _end_with_parent() -> None:
    """Have the system end this process, which ends its own, when its parent has ended in any way."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@contextmanager
def first_one_speaks() -> Iterator[None]:
    """Silence all processes but the first within a block; fatal errors are printed outside of it."""
    if process_index() == 0:
        yield
        return
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def print_error(line: str, error: MvdError) -> None:
    """Print an error, unless another process of the launch does.

    Args:
        line: what to print.
        error: the error; the processes may have agreed on who prints it (`MvdError.silent`).
    """
    try:
        index = process_index()
    except ConfigError:  # which is what is printed
        index = 0
    if error.silent is None and index > 0:
        # They have not joined yet. The first one most likely fails in the same way, and its end is the end of this one.
        time.sleep(_PATIENCE_SECONDS)
    if not error.silent:
        print(line if index == 0 else f"process {index}: {line}", file=sys.stderr)
