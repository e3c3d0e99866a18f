"""Ctrl-C during training: the first requests a stop after the current step, the second stops at once.

SIGTERM, which schedulers and operating systems send before they kill a process, requests a stop too.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from subprocess import CalledProcessError
from threading import current_thread, main_thread
from types import FrameType

STOPPED = 130
"""Exit code of a program that was stopped by Ctrl-C."""


@contextmanager
def cleaning_up() -> Iterator[None]:
    """Raise an exception on SIGTERM and on SIGHUP (the terminal was closed), so that temporary files are removed."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    names = ("SIGTERM", "SIGHUP") if current_thread() is main_thread() else ()
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]  # no SIGHUP on Windows
    before = {number: signal.getsignal(number) for number in numbers}
    ours = [number for number, handler in before.items() if handler == signal.SIG_DFL]  # nohup ignores SIGHUP
    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])


@contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C within the context, for the last line of a program that it stopped."""
    if current_thread() is not main_thread() or signal.getsignal(signal.SIGINT) is None:  # another language's handler
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def is_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C led to an error: a library that handles every exception may raise one of its own instead.

    A terminal sends Ctrl-C, and a scheduler SIGTERM, to the programs that the process runs too, such as a compiler.

    >>> try:
    ...     try:
    ...         raise KeyboardInterrupt
    ...     except BaseException as interrupt:
    ...         raise RuntimeError("could not export") from interrupt
    ... except RuntimeError as error:
    ...     is_interrupted(error), is_interrupted(RuntimeError())
    (True, False)
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        if isinstance(error, CalledProcessError) and error.returncode in (-signal.SIGINT, -signal.SIGTERM):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def interruptible(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on the first Ctrl-C or SIGTERM within the context; later signals have their usual effect.

    Then Ctrl-C raises KeyboardInterrupt, and SIGTERM ends the process.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        for other, handler in before.items():
            signal.signal(other, handler)
        stop()

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
