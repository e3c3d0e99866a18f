"""Trains under a record: state.json says that a run is going on, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Literal

from mvd.engine import Observer
from mvd.errors import MvdError, RunError
from mvd.report.watchers import Quiet, Watchers
from mvd.runs import RunFolder, running, write_state


def recorded(run: RunFolder, device: str, observer: Observer, fit: Callable[[Observer], bool]) -> bool:
    """Train, and keep the run's state.json.

    Args:
        run: the folder.
        device: what is computed on.
        observer: who watches.
        fit: trains under an observer's eyes, and says whether the run came to its end.

    Raises:
        RunError: the state cannot be written.
        MvdError: as `fit`.
    """
    recorder = _Recorder(run, device)
    try:
        ended = fit(Watchers(recorder, observer))
    except BaseException as error:
        # What went wrong matters more than that it could not be written down.
        with suppress(RunError):
            if isinstance(error, KeyboardInterrupt):
                recorder.end("stopped")
            else:
                reason = str(error) if isinstance(error, MvdError) else f"{type(error).__name__}: {error}"
                recorder.end("failed", reason)
        raise
    recorder.end("finished" if ended else "stopped")
    return ended


class _Recorder(Quiet):
    def __init__(self, run: RunFolder, device: str) -> None:
        self._path = run.path
        self._state = running(device)
        write_state(self._path, self._state)

    def started(self, step: int, steps: int) -> None:
        """Take note of the steps in all."""
        self._state = replace(self._state, steps=steps)
        write_state(self._path, self._state)

    def end(self, state: Literal["finished", "stopped", "failed"], reason: str | None = None) -> None:
        """Write down how it ended."""
        write_state(self._path, replace(self._state, state=state, ended=time.time(), reason=reason))
