"""Output that never fails: streams of any encoding, closed pipes, full disks. No text is interpreted as markup.

All programs print through `safe_output`, and their tables and bars through the console of `open_console`.
"""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TextIO, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from mvd.files.names import visible

_PLAIN = "mvd.plain"
_ASCII = {"–": "-", "—": "-", "−": "-", "±": "+/-", "λ": "lambda", "×": "x", "·": "-", "→": "->", "…": "...", "’": "'"}


class _SafeConsole(Console):
    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


def open_console(*, stderr: bool = False) -> Console:
    """Open a console for untrusted text: it is printed without markup, with control characters escaped."""
    return _SafeConsole(stderr=stderr, markup=False, emoji=False, highlight=False)


class SafeStream:
    """A text stream that replaces characters missing from its encoding, and drops what cannot be written.

    Attributes:
        failure: the first error of writing; None without any.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        encoding = self._stream.encoding or "utf-8"
        self._try(lambda: self._stream.write(text.encode(encoding, _PLAIN).decode(encoding)))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, act: Any) -> None:
        if self.failure is not None:
            return
        try:
            act()
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            self.failure = error
            # Python flushes the stream when it exits, and would report the error again.
            with suppress(OSError, ValueError), Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), self._stream.fileno())


@contextmanager
def safe_output() -> Iterator[SafeStream | None]:
    """Print through safe streams; yield that of stdout, or None if there is no stdout."""
    out, err = (None if stream is None else SafeStream(stream) for stream in (sys.stdout, sys.stderr))
    with redirect_stdout(cast("TextIO", out)), redirect_stderr(cast("TextIO", err)):
        yield out


def report_failure(program: str, out: SafeStream | None) -> bool:
    """Return whether the output failed; print a line unless the reader, such as head, only closed the pipe."""
    if out is None:
        return False
    out.flush()
    if out.failure is not None and not isinstance(out.failure, BrokenPipeError):
        reason = getattr(out.failure, "strerror", None) or out.failure
        print(
            f"{program}: expected to print the results, could not ({reason}); what was to be done is done",
            file=sys.stderr,
        )
    return out.failure is not None


def _in_plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)  # the handler is registered for encoding only
    written = error.object[error.start : error.end]
    return "".join(_ASCII.get(one) or _escape(one) for one in written), error.end


def _escape(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte of a file name that is not UTF-8
        return f"\\x{number - 0xDC00:02x}"
    return character.encode("ascii", "backslashreplace").decode("ascii")


codecs.register_error(_PLAIN, _in_plain)
