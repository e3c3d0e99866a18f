"""A command that a message or docstring names has a verb and flags that exist, since readers paste it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from shell import mvd

import mvd as package
from mvd.cli import _ACTIONS, _VERBS

COMMAND = re.compile(r"\bmvd ([a-z]+)\b([^;`]*?)(?=[;`]|\bmvd |$)")
FLAG = re.compile(r"(?<![\w-])--[a-z][\w.-]*\w")


def named_commands() -> Iterator[tuple[str, str, str]]:
    """Yield each command in a string of the package: its place, its verb and what follows."""
    for path in sorted(Path(str(package.__file__)).parent.rglob("*.py")):
        for line, text in strings(ast.parse(path.read_text(encoding="utf-8"))):
            for found in COMMAND.finditer(" ".join(text.split())):
                yield f"{path.name}:{line}", found[1], found[2]


def strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the strings of a module with their lines; what an f-string inserts is left out."""
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "…".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.lineno, node.value


def test_commands_in_messages_have_verbs_and_flags_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    @cache
    def flags(verb: str) -> set[str]:
        with pytest.raises(SystemExit):
            mvd(*verb.split(), "--help")
        return set(FLAG.findall(capsys.readouterr().out))

    checked, wrong = 0, []
    for place, verb, rest in named_commands():
        action, *_ = [*rest.split(), ""]
        whole = f"{verb} {action}" if action in _ACTIONS.get(verb, ()) else verb
        for flag in FLAG.findall(rest):
            checked += 1
            if verb not in _VERBS or flag not in flags(whole):
                wrong.append(f"{place}: mvd {whole} {flag}")
    assert not wrong
    assert checked > 20
