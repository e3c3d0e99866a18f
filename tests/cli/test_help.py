"""`mvd --help`: every verb in its group, on one screen, and an answer to a misspelt verb."""

from __future__ import annotations

import re

import pytest
from shell import mvd

from mvd.cli import overview, overview_of


def test_the_help_lists_every_verb_in_its_group_and_fits_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_code:
        mvd("--help")
    assert exit_code.value.code == 0
    text = capsys.readouterr().out
    assert text == overview() + "\n"
    lines = text.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    groups: dict[str, list[str]] = {}
    for line in lines[2:]:
        if line[0] != " ":
            verbs = groups.setdefault(line.split()[0], [])
        verbs.append(line[10:].split()[0])
    assert groups == {
        "data": ["synth", "check", "split", "prepare"],
        "training": ["recipes", "train", "ablate", "demo", "benchmark"],
        "results": ["runs", "evaluate", "report", "protocols"],
        "pictures": ["embed", "calibrate", "gallery", "serve"],
        "weights": ["import", "convert", "show", "export", "push"],
    }


@pytest.mark.parametrize(
    ("arguments", "answer"), [(["trian"], "did you mean train?"), (["x"], "mvd --help"), ([], "usage")]
)
def test_what_is_no_verb_is_answered_with_the_way_on(
    capsys: pytest.CaptureFixture[str], arguments: list[str], answer: str
) -> None:
    with pytest.raises(SystemExit) as exit_code:
        mvd(*arguments)
    assert exit_code.value.code == 2
    assert answer in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["synth", "train", "ablate", "import", "evaluate", "push"])
def test_every_argument_of_a_verb_is_explained(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    with pytest.raises(SystemExit) as exit_code:
        mvd(verb, "--help")
    assert exit_code.value.code == 0
    assert f"usage: mvd {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["train", "ablate", "benchmark", "gallery show", "gallery remove", "calibrate"])
def test_an_empty_default_is_none(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    for _ in range(2):
        with pytest.raises(SystemExit):
            mvd(*verb.split(), "--help")
        text = re.sub(r"[\s│|]+", " ", capsys.readouterr().out)
        assert "(default: )" not in text
        assert "(default: none)" in text


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_a_verb_of_several_actions_lists_them(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as exit_code:
        mvd("gallery", *arguments)
    captured = capsys.readouterr()
    text = captured.out if arguments else captured.err
    assert exit_code.value.code == (0 if arguments else 2)
    assert text == overview_of("gallery") + "\n"
    assert [line.split()[0] for line in text.splitlines()[2:-2]] == [
        "add",
        "search",
        "show",
        "remove",
        "stats",
        "audit",
    ]
    assert max(map(len, text.splitlines())) <= 80
    with pytest.raises(SystemExit):
        mvd("gallery", "search", "--help")
    assert "usage: mvd gallery search" in capsys.readouterr().out
