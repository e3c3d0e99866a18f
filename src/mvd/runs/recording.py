"""Maintain state.json while a run trains: that it is running, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Literal

from mvd.errors import MvdError, RunError
from mvd.runs.folder import RunFolder
from mvd.runs.observer import Observer
from mvd.runs.state import running, write_state


@contextmanager
def recorded(run: RunFolder, device: str) -> Iterator[Observer]:
    """Write state.json at the start of a block that trains, and at its end: finished, stopped or failed.

    Args:
        run: the run folder.
        device: the training device.

    Yields:
        An observer, which must be passed to the training.

    Raises:
        RunError: the state cannot be written.
    """
    recorder = _Recorder(run, device)
    try:
        yield recorder
    except BaseException as error:
        # The original error is more important than a failure to record it.
        with suppress(RunError):
            if isinstance(error, KeyboardInterrupt | SystemExit):
                recorder.end("stopped")
            else:
                recorder.end(
                    "failed", str(error) if isinstance(error, MvdError) else f"{type(error).__name__}: {error}"
                )
        raise
    recorder.end("finished" if recorder.step == recorder.steps else "stopped")


class _Recorder(Observer):
    def __init__(self, run: RunFolder, device: str) -> None:
        self._path = run.path
        self._state = replace(running(device), changes=run.history)
        self.step = 0
        write_state(self._path, self._state)

    @property
    def steps(self) -> int:
        return self._state.steps

    def started(self, step: int, steps: int) -> None:
        self.step = step
        self._state = replace(self._state, steps=steps)
        write_state(self._path, self._state)

    def stepped(self, step: int) -> bool:
        self.step = step
        return True

    def end(self, state: Literal["finished", "stopped", "failed"], reason: str | None = None) -> None:
        write_state(self._path, replace(self._state, state=state, ended=time.time(), reason=reason))
