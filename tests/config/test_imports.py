"""Import paths: modules, files and dotted names; and each way of getting one wrong, in one line."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from mvd.config.imports import load_object
from mvd.errors import ConfigError


def test_it_finds_objects_of_modules_and_of_files(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int = 3\n    @staticmethod\n"
        "    def f() -> int: return 4\n"
    )
    assert load_object("math:sqrt") is math.sqrt
    assert load_object(f"{file}:A")().x == 3
    assert load_object(f"{file}:A.f")() == 4
    assert load_object(f"{file}:A") is load_object(f"{file}:A")


def test_a_file_is_found_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text("value = 5\n")
    monkeypatch.chdir(tmp_path)
    assert load_object("mine.py:value") == 5


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("mine.py", r"expected package\.module:name or file\.py:name, found 'mine\.py'$"),
        ("__main__:NoSuchNet", r"expected 'NoSuchNet' in __main__, found no such name; name the file of the script"),
        (":name", r"expected package\.module:name"),
        (
            "no_such_package.part:name",
            r"expected a module that Python can import, found no_such_package\.part; install",
        ),
        ("math.no_such_part:name", r"expected a module that Python can import, found math\.no_such_part; install"),
        ("math:no_such_name", r"expected 'no_such_name' in math, found no such name"),
        ("no/such/file.py:name", r"expected a Python file, found no/such/file\.py; the working directory is /"),
        ("FOLDER/broken.py:name", r"expected to import .*/broken\.py, got SyntaxError in .*: .*"),
        ("FOLDER/fails.py:name", r"expected to import .*, got ValueError in .*fails\.py:2: no$"),
        ("FOLDER/lacks.py:name", r"expected to import .*, got ModuleNotFoundError in .*lacks\.py:1: No module"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_the_field(tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "broken.py").write_text("def (\n")
    (tmp_path / "fails.py").write_text("\nraise ValueError('no\\nmore')\n")
    (tmp_path / "lacks.py").write_text("import no_such_package\n")
    with pytest.raises(ConfigError, match=rf"^model\.encoder: {message}") as caught:
        load_object(path.replace("FOLDER", str(tmp_path)), "model.encoder")
    assert "\n" not in str(caught.value)
