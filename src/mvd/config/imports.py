"""Import paths: how a configuration names an object in a user's own code."""

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


def load_object(path: str, field: str = "import path") -> Any:
    """Import the object that an import path names.

    Args:
        path: "package.module:name" for a module that Python can import, or "folder/file.py:name" for a file. The name
            may have dots.
        field: what the error message calls the path, such as "model.encoder".

    Raises:
        ConfigError: the path has another form, there is no such module, file or name, or importing it fails.

    >>> load_object("math:sqrt")(9.0)
    3.0
    """
    place, _, name = path.rpartition(":")
    if not place or not name:
        raise ConfigError(f"{field}: expected package.module:name or file.py:name, found {path!r}")
    found: Any = _load_file(Path(place).resolve(), field) if place.endswith(".py") else _load_module(place, field)
    for part in name.split("."):
        if not hasattr(found, part):
            raise ConfigError(f"{field}: expected {name!r} in {place}, found no such name; check the spelling")
        found = getattr(found, part)
    return found


def _load_module(name: str, field: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            raise ConfigError(
                f"{field}: expected a module {name!r} that Python can import, found none; install its package, or name "
                f"the file: path/to/file.py:name"
            ) from error
        raise _failed(name, field, error) from error


@cache
def _load_file(file: Path, field: str) -> ModuleType:
    if not file.is_file():
        raise ConfigError(f"{field}: expected a Python file {file}, found none; check the path")
    spec = importlib.util.spec_from_file_location(f"mvd_user_file_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look their module up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise _failed(str(file), field, error) from error
    return module


def _failed(place: str, field: str, error: Exception) -> ConfigError:
    last = traceback.extract_tb(error.__traceback__)[-1]
    reason = (str(error).splitlines() or ["no message"])[0]
    return ConfigError(
        f"{field}: expected to import {place}, got {type(error).__name__} at {last.filename}:{last.lineno} ({reason})"
    )
