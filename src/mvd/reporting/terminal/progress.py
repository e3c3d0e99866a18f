"""Progress bars in a terminal; an occasional line without a terminal, such as in a log file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from mvd.files.names import one_line
from mvd.runs.observer import Observer, StepLog

_QUIET_SECONDS = 15.0  # between lines, without a terminal


class _BarAndLine(Progress):
    """A bar with a line of text below it; a column beside the bar would be too narrow."""

    line = Text()

    def get_renderables(self) -> Iterator[RenderableType]:
        """Yield the parts to draw."""
        yield self.make_tasks_table(self.tasks)
        yield self.line


def _progress(console: Console, *times: ProgressColumn) -> _BarAndLine:
    return _BarAndLine(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        *times,
        TextColumn("{task.fields[note]}", markup=False),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


class CountingBar:
    """A progress callback that draws a bar; call it with (done, total)."""

    def __init__(self, console: Console, progress: Progress, task: TaskID, title: str, unit: str) -> None:
        self._console = console
        self._progress = progress
        self._task = task
        self._title = title
        self._unit = unit
        self._start = self._spoke = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` are done; rates below 1 a second are not shown."""
        now = time.monotonic()
        rate = done / max(now - self._start, 1e-9)
        self._progress.update(
            self._task, completed=done, total=total, note=f"{rate:,.0f} {self._unit}/s" if rate >= 1 else ""
        )
        if not self._console.is_terminal and now - self._spoke >= _QUIET_SECONDS:
            self._spoke = now
            pace = f", {rate:,.0f} a second" if rate >= 1 else ""
            self._console.print(f"{self._title}: {done:,} of {total:,} {self._unit}{pace}", markup=False)


@contextmanager
def counting_bar(console: Console, title: str, unit: str = "pictures") -> Iterator[CountingBar]:
    """Show a bar for work that is counted in `unit`; without a terminal, a line every 15 seconds."""
    with _progress(console, TimeRemainingColumn()) as progress:
        yield CountingBar(console, progress, progress.add_task(title, total=None, note=""), title, unit)


class TrainingBar(Observer):
    """A progress bar for training: losses, accuracy, rate, memory and time left, and a line per validation.

    An observer of runs and a context manager. `stop` ends the run after the current step, with a checkpoint. The time
    left is extrapolated from the steps so far, including their validations and checkpoints.

    Args:
        console: where to draw.
        clock: returns the time in seconds.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        # Rich estimates from the last seconds only, and loses its estimate at each validation.
        left = TextColumn("{task.fields[left]}", style="progress.remaining")
        self._progress = _progress(console, TimeElapsedColumn(), left)
        self._task = self._progress.add_task("training", total=None, note="", left="")
        self._stopping = False
        self._first = self._steps = 0
        self._began = self._spoke = clock()

    def __enter__(self) -> TrainingBar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def stop(self) -> None:
        """Ask the run to stop."""
        self._stopping = True

    def noted(self, line: str) -> None:
        """Print a line about how the run is computed."""
        self._console.print(one_line(line), soft_wrap=True)

    def started(self, step: int, steps: int) -> None:
        """Show `step` of `steps`."""
        self._first, self._steps = step, steps
        self._began = self._clock()
        self._progress.reset(self._task, total=steps, completed=step)

    def stepped(self, step: int) -> bool:
        """Show a step; return False once `stop` has been called."""
        self._progress.update(self._task, completed=step)
        return not self._stopping

    def logged(self, log: StepLog) -> None:
        """Show a log line."""
        losses = " ".join(f"{name} {value:.3f}" for name, value in log.losses.items())
        memory = "".join(f" · {_MEMORY.get(name, name)} {write_bytes(count)}" for name, count in log.memory.items())
        rate = f"{log.pictures_per_second:.0f} pictures/s"
        note = f"epoch {log.epoch} · {losses} · accuracy {log.accuracy:.0%} · lr {log.lr:.1e}"
        now = self._clock()
        left = _duration((now - self._began) / (log.step - self._first) * (self._steps - log.step)) + " left"
        self._progress.update(self._task, note=rate, left=left)
        self._progress.line = Text(note + memory)
        if now - self._spoke >= _QUIET_SECONDS:
            self._spoke = now
            self._say(f"step {log.step} of {self._steps}: {note} · {rate}{memory} · {left}")

    def validated(self, epoch: int, metrics: Mapping[str, float], *, best: bool) -> None:
        """Print a validation."""
        figures = ", ".join(f"{name} {value:.1%}" for name, value in metrics.items())
        after = "" if self._console.is_terminal else f", after {_duration(self._clock() - self._began)}"
        self._console.print(
            f"epoch {epoch}: validation {figures}{' (best so far)' if best else ''}{after}", soft_wrap=True
        )

    def _say(self, line: str) -> None:
        """Print a line if the output is not a terminal."""
        if not self._console.is_terminal:
            self._console.print(line, soft_wrap=True)


_MEMORY = {"resident": "memory", "device": "device memory"}


def write_bytes(count: float) -> str:
    """Write a number of bytes in decimal units, such as "1.2 GB"."""
    unit, scale = ("GB", 1e9) if count >= 1e9 else ("MB", 1e6)
    return f"{count / scale:.{1 if unit == 'GB' else 0}f} {unit}"


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
