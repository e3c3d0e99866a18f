"""Every example runs from top to bottom on people that it renders, and prints what it shows."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_EXAMPLES = Path(__file__).parents[2] / "examples"
_PRINTED = {
    "own_loss.py": "'alignment': 0.",
    "own_encoder.py": "embeddings: torch.Size([2, 192])",
    "own_layout.py": "step 0: images (8, 3, 48, 24) of identities",
}
"""What each example prints among other things; those that are not here need packages or files of their own."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples, so that people are rendered once."""
    return tmp_path_factory.mktemp("examples")


@pytest.mark.parametrize("name", ["own_loss.py", "own_encoder.py"])
def test_it_runs(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """In this process: a new one takes seconds to import PyTorch."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [name, str(folder)])
    runpy.run_path(str(_EXAMPLES / name), run_name="__main__")
    printed = capsys.readouterr()
    assert _PRINTED[name] in printed.out
    assert "mvd:" not in printed.err


def test_a_layout_is_registered_in_a_process(folder: Path) -> None:
    """In one of its own, which knows the layout until its end."""
    ran = subprocess.run(
        [sys.executable, str(_EXAMPLES / "own_layout.py"), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert ran.returncode == 0, ran.stderr
    assert _PRINTED["own_layout.py"] in ran.stdout
    assert "mvd:" not in ran.stderr


@pytest.mark.parametrize("name", ["own_layout.py", "own_loop.py", "onnx_search.py"])
def test_without_arguments_it_says_how_it_is_called(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name])
    with pytest.raises(SystemExit, match=rf"python examples/{name}"):
        runpy.run_path(str(_EXAMPLES / name), run_name="__main__")


def test_the_search_refuses_what_is_no_file(tmp_path: Path) -> None:
    """A pipe would let it wait for ever."""
    source = (_EXAMPLES / "onnx_search.py").read_text()
    os.mkfifo(tmp_path / "a.jpg")
    scope: dict[str, Any] = {}
    start, end = source.index("def describe"), source.index("query = ")
    exec(f"import sys\nfrom pathlib import Path\n{source[start:end]}", scope)
    with pytest.raises(SystemExit, match=r"a\.jpg: expected a picture file, found none"):
        scope["describe"](tmp_path / "a.jpg")
