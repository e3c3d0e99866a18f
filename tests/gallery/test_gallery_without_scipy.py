"""A search needs neither SciPy nor PyTorch: `pip install 'mvd[search]'` has neither."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from galleries import write_people
from without_torch import BLOCKED

from mvd.errors import MissingPackageError, needing_scipy

WITHOUT = BLOCKED.replace('== "torch"', 'in {"torch", "scipy"}')


def test_a_folder_is_searched_without_them(tmp_path: Path) -> None:
    write_people(tmp_path / "photos", people=3, pictures=2)
    program = f"{WITHOUT}\nfrom mvd.cli import main\nsys.exit(main(sys.argv[1:]))"
    search = ["gallery", "search", "photos", "photos/1_0.jpg"]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program, *search, *more], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip

    found = run()
    assert found.returncode == 0, found.stderr
    assert "1_1.jpg" in found.stdout.splitlines()[5]
    reranked = run("--rerank")
    assert reranked.returncode == 1
    assert reranked.stderr.splitlines()[-1] == (
        "mvd: re-ranking: expected SciPy, found none; install it: pip install scipy"
    )


def test_other_missing_packages_are_not_taken_for_it() -> None:
    with pytest.raises(ModuleNotFoundError) as caught, needing_scipy("it"):
        import_module("nowhere")
    assert not isinstance(caught.value, MissingPackageError)
