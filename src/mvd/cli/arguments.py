"""Parse the arguments of a verb, and report errors in one line, like all other errors.

tyro prints an error as a box with the help of the argument. Its public interface is the exit code 2 and that text,
which is parsed here.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stderr
from typing import Any, TypeVar

from mvd.files.names import one_line

T = TypeVar("T")

WRONG = 2
"""Exit code for arguments that cannot be parsed."""

_WIDE = "10000"  # columns, so that no line of the box is wrapped
_KINDS = {"INT": "a whole number", "FLOAT": "a number"}


def parse_arguments(kind: type[T], arguments: Sequence[str], *, program: str, default: Any, see: str = "") -> T:
    """Parse arguments into a dataclass.

    Args:
        kind: the dataclass.
        arguments: the arguments without the program's name.
        program: the verb, for messages.
        default: an instance with the defaults, or tyro's MISSING.
        see: a command that lists the arguments; if empty, the program's own help.

    Raises:
        SystemExit: the help was requested and printed (0); or the arguments cannot be parsed, and a line says why (2).
    """
    import tyro

    said = io.StringIO()
    helping = not {"-h", "--help"}.isdisjoint(arguments)
    try:
        with redirect_stderr(said), nullcontext() if helping else _wide():
            parsed: T = tyro.cli(
                kind,
                prog=f"mvd {program}",
                args=list(arguments),
                default=default,
                config=(tyro.conf.FlagCreatePairsOff,),
            )
    except SystemExit as end:
        if end.code == WRONG:
            line = f"mvd: {program}: {_explain(said.getvalue())}; {see or f'mvd {program} --help'} lists them"
            print(one_line(line), file=sys.stderr)
        raise
    sys.stderr.write(said.getvalue())
    return parsed


@contextmanager
def _wide() -> Iterator[None]:
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = _WIDE
    try:
        yield
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before


def _explain(box: str) -> str:
    """Summarise tyro's box in one line: the error, then the help of the argument."""
    parts = _parts(box)
    first = " ".join(line.strip() for line in parts[0])
    if found := re.fullmatch(r"invalid choice (.*) for argument '(.*)'\. Expected one of \((.*?),?\)\.", first):
        value, flag, choices = found.groups()
        allowed = re.findall("'(.*?)'", choices)
        if "None" in allowed:  # tyro adds None for an omitted flag, and then does not keep the order
            allowed = sorted({*allowed} - {"None"})
        return f"{flag}: expected {_either(allowed)}, found {value}"
    if found := re.fullmatch(r"Error parsing (\S+): (.*)", first):
        flag, reason = found.groups()
        return f"{flag}: {_wrong_value(flag, reason, parts[1:])}"
    if found := re.fullmatch(r"Missing value for argument '(.*)'\. Expected (\d+) values\.", first):
        return f"{found[1]}: expected {'a value, found none' if found[2] == '1' else f'{found[2]} values, found fewer'}"
    if found := re.fullmatch(r"Unrecognized options: (.*)", first):
        near = [line.split()[0] for part in parts[1:] for line in part if re.match(r" +--\S", line)]
        hint = f" (did you mean {_either(near[:3])}?)" if near else ""
        return f"expected its arguments, found {' '.join(found[1].split(', '))}{hint}"
    if first.startswith("Missing from "):
        missing = [line.strip() for line in parts[0][1:] if re.match(r" {4}\S", line)]
        meanings = [line.strip() for line in parts[0][1:] if re.match(r" {8}\S", line)]
        named = [_named(*one) for one in zip(missing, meanings, strict=False)] or missing
        return f"expected {' and '.join(named)}, found none"
    return first.rstrip(".") or "expected other arguments"


def _parts(box: str) -> list[list[str]]:
    """Read the lines between the rules of a box, in Unicode or ASCII, without its title."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", box)
    parts: list[list[str]] = [[]]
    for line in plain.splitlines():
        text = line[2:].rstrip(" │")
        if text and not text.strip("─-"):
            parts.append([])
        elif not line.startswith(("╭", "╰")):
            parts[-1].append(text)
    return parts if plain.startswith("╭") else parts[1:] or [[]]  # in ASCII, the title is a part


def _wrong_value(flag: str, reason: str, more: Sequence[Sequence[str]]) -> str:
    value = re.search(r"(?:base 10: |to float: |from \[|arguments: \[)('.*?(?:'|$)|\".*?(?:\"|$))", reason)
    metavar = next((line for part in more for line in part if line.strip().startswith(flag)), "")
    kind = next((meaning for word, meaning in _KINDS.items() if word in metavar.partition(flag)[2]), None)
    return f"expected {kind}, found {value[1]}" if value and kind else reason.rstrip(".")


def _named(argument: str, meaning: str) -> str:
    """Name a missing argument: a flag by its name, a positional argument by its meaning."""
    meaning = meaning.removesuffix("(required)").strip()
    return argument if argument.startswith("-") else f"an argument ({meaning})"


def _either(choices: Sequence[str]) -> str:
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last
