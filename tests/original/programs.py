"""What the tests of the original's programs share: their types, and a command line for runs that take no time."""

from __future__ import annotations

from collections.abc import Callable

Program = Callable[..., str]

SMALL = ("--MSmode", "PYNATIVE_MODE", "--device_target", "CPU", "--batch_size", "3", "--num_pos", "4", "--epoch", "2")
"""Two epochs, of two steps on the SYSU-MM01 of these tests and of one on their RegDB."""
