"""Import paths, by which a configuration names objects in a user's own code."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from mvd.errors import ConfigError
from mvd.files.regular import real_path


def load_object(path: str, field: str = "import path") -> Any:
    """Import the object that an import path names.

    Args:
        path: "package.module:name" for an importable module, or "folder/file.py:name" for a file. The name may contain
            dots.
        field: name of the path in error messages, such as "model.encoder".

    Raises:
        ConfigError: the path has another form, there is no such module, file or name, or importing it fails.

    >>> load_object("math:sqrt")(9.0)
    3.0
    """
    place, _, name = path.rpartition(":")
    if not place or not name:
        raise ConfigError(f"{field}: expected package.module:name or file.py:name, found {path!r}")
    try:
        found: Any = _load_file(real_path(place)) if place.endswith(".py") else importlib.import_module(place)
    except Exception as error:
        raise ConfigError(f"{field}: {_reason(place, error)}") from error
    for part in name.split("."):
        if not hasattr(found, part):
            remedy = "name the file of the script: file.py:name" if place == "__main__" else "check the spelling"
            raise ConfigError(f"{field}: expected {name!r} in {place}, found no such name; {remedy}")
        found = getattr(found, part)
    return found


def _reason(place: str, error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name and f"{place}.".startswith(f"{error.name}."):
        return (
            f"expected a module that Python can import, found {place}; install it, or name its file: dir/file.py:name"
        )
    if isinstance(error, FileNotFoundError) and error.filename == str(real_path(place)):
        return f"expected a Python file, found {place}; the working directory is {Path.cwd()}"
    last = traceback.extract_tb(error.__traceback__)[-1]
    first_line = (str(error).splitlines() or [""])[0]
    return f"expected to import {place}, got {type(error).__name__} in {last.filename}:{last.lineno}: {first_line}"


@cache
def _load_file(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"mvd_user_file_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look up modules there
    spec.loader.exec_module(module)
    return module
