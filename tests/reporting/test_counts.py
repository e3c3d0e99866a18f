"""Counts in texts for users: "1 picture", never "1 pictures"."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import mvd
from mvd.reporting.card import card_lines
from mvd.runs import Card

ROOMS = ("cli", "commands", "gallery", "page", "reporting")
COUNTED = re.compile(
    r" (cameras|days|defects|epochs|identities|lines|pairs|people|pictures|queries|rows|runs|seeds|steps|tensors|"
    r"trials)\b"
)
OTHERS = {  # no numbers, or never one
    "figures.people",
    "log.pictures_per_second",
    "protocol.shots",
    "protocol.trials",
    "spectrum",
}


def uncounted(file: Path) -> Iterator[str]:
    """Yield the parts of f-strings in which a value is followed by a noun in the plural, whatever the value is."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        before = ""
        for part, after in pairwise(node.values):
            if (
                isinstance(part, ast.FormattedValue)
                and isinstance(after, ast.Constant)
                and isinstance(after.value, str)
                and COUNTED.match(after.value)
                and not (ast.unparse(part.value).isupper() or ast.unparse(part.value) in OTHERS)
                and not before.endswith((" of ", "at least "))  # 1 of 3 pictures
            ):
                yield f"{file.name}:{node.lineno}: {ast.unparse(part.value)}{after.value}"
            before = part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else ""


def test_a_noun_in_the_plural_follows_no_number_that_may_be_one() -> None:
    source = Path(mvd.__file__).parent
    found = [line for room in ROOMS for file in (source / room).rglob("*.py") for line in uncounted(file)]
    assert sorted(found) == []


def test_a_card_of_one_step_reads_so() -> None:
    card = Card(dataset="own", people=1, step=1, epoch=1)
    lines = dict(card_lines(card))
    assert lines["trained for"] == "1 step, 1 epoch"
    assert lines["data set"] == "own, 1 person"
