"""Say what is at a path where a run folder was expected, and which run may have been meant."""

from __future__ import annotations

from pathlib import Path

from mvd.files.names import shell_words
from mvd.files.regular import is_folder, is_there


def describe_no_run(path: Path) -> str:
    """Say what is at a path that is no run folder, and what to do, for the end of an error.

    >>> describe_no_run(Path("no such run"))
    'nothing there; check the path (mvd runs lists the runs in runs/)'
    """
    if not is_there(path):
        return "nothing there; check the path (mvd runs lists the runs in runs/)"
    if is_run(path):
        return f"a run without weights; continue it: {shell_words('mvd', 'train', '--resume', path)}"
    owner = next((folder for folder in (path.parent, path.parent.parent) if is_run(folder)), None)
    if owner is not None:
        return f"a part of the run {owner}; name the run: {shell_words(owner)}"
    if not is_folder(path):
        return "a file; name the folder that mvd train wrote"
    inside = sorted(path.iterdir())
    runs = [shell_words(folder) for folder in inside if is_run(folder)]
    if runs:
        return f"a folder of runs; name one of them: {', '.join(runs[:3])}{' …' if len(runs) > 3 else ''}"
    remedy = "name the folder that mvd train wrote (mvd runs lists the runs in runs/)"
    return f"{'another' if inside else 'an empty'} folder; {remedy}"


def describe_model_folder(path: Path) -> str:
    """Say that a folder is a model without its run, and what to do, for the end of an error."""
    made = shell_words("mvd", "import", path / "model.safetensors", "runs/NEW", "DATA")
    return f"a model that mvd push wrote; name the run that it was made of, or make a run of it: {made}"


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run."""
    return (folder / "config.json").is_file() and (folder / "data.json").is_file()
