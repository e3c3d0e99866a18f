"""What counts as an interrupt: Ctrl-C and SIGTERM reach the programs that a library runs, too."""

from __future__ import annotations

import signal
from subprocess import CalledProcessError

import pytest

from mvd.reporting.terminal.interrupts import is_interrupted


@pytest.mark.parametrize(
    ("code", "expected"), [(-signal.SIGINT, True), (-signal.SIGTERM, True), (-signal.SIGKILL, False), (1, False)]
)
def test_a_compiler_that_was_interrupted_is_an_interrupt(code: int, expected: bool) -> None:
    def compile_it() -> None:
        try:
            raise CalledProcessError(code, "g++")
        except CalledProcessError:
            raise RuntimeError("could not compile") from None

    with pytest.raises(RuntimeError) as caught:
        compile_it()
    assert is_interrupted(caught.value) == expected
