"""The public names: each can be imported, none is imported before it is used."""

from __future__ import annotations

import inspect
import pkgutil
import subprocess
import sys

import pytest

import mvd


def run(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, check=True)


def test_importing_mvd_imports_no_framework_and_takes_no_time() -> None:
    done = run("import sys, mvd; print(*sys.modules)", "-X", "importtime")
    assert not {"torch", "numpy", "scipy", "rich", "tyro", "PIL", "mvd.config"} & set(done.stdout.split())
    (line,) = [line for line in done.stderr.splitlines() if line.endswith("| mvd")]
    microseconds = int(line.split("|")[1])
    print(f"import mvd: {microseconds / 1000:.0f} ms")
    assert microseconds < 500_000  # 0.02 s on an idle machine


@pytest.mark.parametrize("name", mvd.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(mvd, name) is not None
    assert name in dir(mvd)


def test_verbs_are_functions_also_when_their_modules_are_imported_first() -> None:
    verbs = sorted(set(mvd.__all__) & {"train", "evaluate", "prepare", "synth", "check", "split", "export", "demo"})
    done = run(
        "import mvd.commands.results.evaluate, mvd.commands.training.train\n"
        "import mvd.data.prepared.prepare, mvd.data.checking.check, mvd\n"
        f"print(*(type(getattr(mvd, name)).__name__ for name in {verbs!r}))"
    )
    assert set(done.stdout.split()) == {"function"}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'mvd' has no attribute 'trian'"):
        mvd.trian  # type: ignore[attr-defined]  # noqa: B018


def test_no_subpackage_hides_a_verb() -> None:
    """Python puts an imported subpackage into its parent, in the place of whatever has its name there."""
    parts = {part.name for part in pkgutil.iter_modules(mvd.__path__)}
    assert not parts & {name for name in mvd.__all__ if inspect.isfunction(getattr(mvd, name))}


def test_threads_may_use_names_first() -> None:
    """Modules that import each other, begun by several threads at once, were found half done."""
    names = ["show", "train", "embed", "Gallery", "evaluate", "export", "report", "losses", "data", "synth"]
    code = f"""
import threading, mvd
failed, start = [], threading.Barrier({len(names)})
def use(name):
    start.wait()
    try:
        getattr(mvd, name)
    except Exception as error:
        failed.append((name, error))
threads = [threading.Thread(target=use, args=(name,)) for name in {names}]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert not failed, failed
"""
    run(code)
