"""Arguments of Python's functions that are words: another word is a user's error, as on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mvd
from mvd.commands.results.evaluate import choose_protocols
from mvd.data.samples import Dataset, Modality, Row, from_rows
from mvd.errors import ConfigError, RunError


def _word(text: str) -> Any:
    """Hide a word from the type checker, which knows the choices."""
    return text


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mvd.synth("out", layout=_word("foo")), "layout: expected one of sysu, .*, found 'foo'"),
        (lambda: mvd.synth("out", like=_word("foo")), "like: expected one of sysu-mm01, regdb, llcm, found 'foo'"),
        (lambda: mvd.synth("out", like="regdb", train=3), "like: expected no train beside it, .*, found train 3"),
        (lambda: mvd.convert("a.pth", "b.ckpt", to=_word("foo")), "to: expected one of .*, found 'foo'"),
        (
            lambda: mvd.embed("rendered", ["a.jpg"], modality=_word("ir")),
            "modality: expected one of auto, visible, infrared",
        ),
        (
            lambda: mvd.evaluate("run", weights=_word("bst")),
            "weights: expected one of best, last, initial, found 'bst'",
        ),
        (lambda: mvd.report("run", weights=_word("bst")), "weights: expected one of best, last, found 'bst'"),
        (
            lambda: mvd.export("run", preprocessing=_word("x")),
            "preprocessing: expected one of inside, outside, found 'x'",
        ),
        (
            lambda: mvd.export("run", variants=[_word("fp64")]),
            "variants: expected one of fp32, fp16, int8, found 'fp64'",
        ),
        (
            lambda: mvd.calibrate("rendered", "data", people=_word("some")),
            "people: expected one of all, validation, test",
        ),
        (lambda: mvd.ablate("data", vary={"a": "foo"}, out="out"), "recipe: expected one of mvd, .*, found 'foo'"),
    ],
)
def test_a_word_that_is_no_choice_is_a_users_error(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call()


def test_one_run_is_no_sequence_of_letters(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=f"{tmp_path}: expected a run folder"):
        mvd.report(str(tmp_path), tmp_path / "report.html", embedding_map="none")
    samples = from_rows([Row(f"{one.name}.jpg", 1, 0, one) for one in Modality])
    people = Dataset(
        name="own", root=tmp_path, train=from_rows([]), validation=from_rows([]), test=samples, people_lists="lists"
    )
    assert [one.name for one in choose_protocols(people, "own/visible-*")] == ["own/visible-to-infrared"]
