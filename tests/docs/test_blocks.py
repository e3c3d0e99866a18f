"""Runs the examples of the README and of docs/: every block that is fenced as `sh` or `python`, in order, file by file.

A file's blocks run in a folder of their own, at whose beginning there is what the README's blocks leave behind. An HTML
comment above a block changes how it runs:

    <!-- test: tiny -->           with the sizes of `TINY` below instead of its own
    <!-- test: skip, REASON -->   not at all
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import shell

from mvd.config import CosineSchedule, DataConfig, LossConfig, ModelConfig, RunConfig, RuntimeConfig, SamplingConfig

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

PEOPLE = "--train 4 --validation 2 --test 3 --pictures 2 --height 64 --workers 1"
TINY = {
    "mvd synth people": f"mvd synth people {PEOPLE}",
    "--height 96 --width 48": "--height 32 --width 16 --workers 1",
    "--recipe demo": f"--recipe demo {' '.join(shell.TINY)}",
    'mvd.synth("people")': 'mvd.synth("people", train=4, validation=2, test=3, pictures=2, height=64, workers=1)',
    "height=96, width=48": "height=32, width=16, workers=1",
    '"demo")': "tiny_recipe)",
    'mvd.recipes["demo"]': "tiny_recipe",
    "mvd gallery search photos night.jpg": "mvd gallery search photos night.jpg --model runs/first",
}
TINY_RECIPE = RunConfig(
    data=DataConfig(height=32, width=16),
    sampling=SamplingConfig(identities=2, pictures=2, steps_per_epoch=2),
    model=ModelConfig(arch="resnet18", base_width=2, bottleneck_widths=(8, 8), z_dim=8, classifier_width=8),
    losses=LossConfig(metric="triplet"),
    schedule=CosineSchedule(epochs=2),
    runtime=RuntimeConfig(device="cpu", validate_every=1, log_every=1),
)

_BLOCK = re.compile(
    r"^(?:<!-- test: (?P<how>[^\n]*?) -->\n)?```(?P<language>sh|python)\n(?P<text>.*?)^```$", re.M | re.S
)


class Block(NamedTuple):
    """A block: its language, its text, its first line in the file, and the comment above it."""

    language: str
    text: str
    line: int
    how: str


def blocks(document: Path) -> Iterator[Block]:
    text = document.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("text")) + 1
        yield Block(found["language"], found["text"], line, found["how"] or "")


def run(document: Path) -> None:
    """Run a file's blocks in the current folder."""
    names: dict[str, Any] = {"__name__": "__main__", "tiny_recipe": TINY_RECIPE}
    for block in blocks(document):
        if block.how.startswith("skip"):
            continue
        text = block.text
        if block.how == "tiny":
            for own, tiny in TINY.items():
                text = text.replace(own, tiny)
        place = f"{document.name}:{block.line}"
        if block.language == "python":
            # As many empty lines as there are above, so that a traceback names the line in the document.
            exec(compile("\n" * (block.line - 1) + text, place, "exec"), names)
        else:
            for line in text.replace("\\\n", " ").splitlines():
                run_command(shlex.split(line, comments=True), place)


def run_command(words: list[str], place: str) -> None:
    """Run a command: `mvd` in this process, `python` in another."""
    match words:
        case []:
            return
        case ["mvd", *arguments]:
            assert shell.mvd(*arguments) == 0, f"{place}: {shlex.join(words)}"
        case ["python", program, *arguments]:
            subprocess.run([sys.executable, ROOT / program, *arguments], check=True)
        case _:
            pytest.fail(f"{place}: expected mvd or python, found {words[0]}; skip the block, with the reason")


@pytest.fixture(scope="session")
def after_readme(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run(ROOT / "README.md")
    return folder


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_block_runs(document: Path, after_readme: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if document.name != "README.md":  # which has run
        monkeypatch.chdir(shutil.copytree(after_readme, tmp_path / "here"))
        run(document)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_command_is_in_a_block_that_runs_or_says_why_not(document: Path) -> None:
    text = _BLOCK.sub("", document.read_text(encoding="utf-8"))
    assert not re.findall(r"^(?: {4}|```(?:bash|shell|console|py)\b)(?:.*\n)??.*\b(?:mvd|pip|make|import) ", text, re.M)
    for block in blocks(document):
        assert re.fullmatch(r"|tiny|skip, \w.+", block.how), f"{document.name}:{block.line}"


def test_the_readme_keeps_to_ten_lines_of_python_and_five_of_shell_on_its_first_screen() -> None:
    first, *_ = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Python\n")
    python, commands = [block for block in blocks(ROOT / "README.md") if block.text in first][-2:]
    assert (python.language, commands.language) == ("python", "sh")
    assert len([line for line in python.text.splitlines() if line.strip()]) <= 10
    assert len(commands.text.splitlines()) <= 5
