"""Several observers of one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mvd.engine import Observer, SampleBatch, StepLog


class Watchers:
    """An `mvd.engine.Observer` that hands everything on to others, in their order; any of them stops the run."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def started(self, step: int, steps: int) -> None:
        """Take note that training is at `step` of `steps`."""
        for observer in self._observers:
            observer.started(step, steps)

    def sampled(self, step: int, show: Callable[[], SampleBatch]) -> None:
        """Let all look at a batch."""
        for observer in self._observers:
            observer.sampled(step, show)

    def stepped(self, step: int) -> bool:
        """Take note of a step; False once any observer wants the run to stop."""
        answers = [observer.stepped(step) for observer in self._observers]  # every one hears of it
        return all(answers)

    def logged(self, log: StepLog) -> None:
        """Take note of a log line."""
        for observer in self._observers:
            observer.logged(log)

    def validated(self, epoch: int, metrics: Mapping[str, float], *, best: bool) -> None:
        """Take note of a validation."""
        for observer in self._observers:
            observer.validated(epoch, metrics, best=best)


class Quiet:
    """An `mvd.engine.Observer` without a word: the run folder has it all. Others say what they have to say."""

    def started(self, step: int, steps: int) -> None:
        """Take no note."""

    def sampled(self, step: int, show: Callable[[], SampleBatch]) -> None:
        """Look at nothing."""

    def stepped(self, step: int) -> bool:
        """Let the run go on."""
        return True

    def logged(self, log: StepLog) -> None:
        """Take no note."""

    def validated(self, epoch: int, metrics: Mapping[str, float], *, best: bool) -> None:
        """Take no note."""


class Stopper(Quiet):
    """Stops a run when it is told to, and takes no other note of it: for a process that is not the first."""

    def __init__(self) -> None:
        self._stopping = False

    def stop(self) -> None:
        """Ask the run to stop."""
        self._stopping = True

    def stepped(self, step: int) -> bool:
        """Let the run go on until it is to stop."""
        return not self._stopping
