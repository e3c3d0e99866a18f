"""Convert configurations to JSON and back; errors name the wrong field."""

from __future__ import annotations

import json
from functools import cache, partial
from typing import Any, Literal, TypeVar, get_args, get_origin

import cattrs
from cattrs.strategies import configure_tagged_union

from mvd.config.optimisation import Schedule
from mvd.config.run import RunConfig
from mvd.config.runtime import Switch
from mvd.errors import ConfigError
from mvd.files.strict_json import parse_json

_Kind = TypeVar("_Kind")


def to_json(config: RunConfig) -> str:
    """Return a configuration as indented JSON."""
    return json.dumps(_converter().unstructure(config, RunConfig), indent=2) + "\n"


def from_json(text: str, source: str) -> RunConfig:
    """Parse a configuration written by `to_json`; missing fields get their defaults.

    Args:
        text: the JSON.
        source: its file, for the error message.

    Raises:
        ConfigError: the text is not JSON, or a field is unknown, of the wrong type or out of range.
    """
    try:
        fields = parse_json(text)
    except ValueError as error:
        raise ConfigError(f"{source}: expected JSON, found something else ({error})") from error
    try:
        return structure(fields, RunConfig, "config")
    except ValueError as error:
        raise ConfigError(f"{source}: expected the configuration of a run, found: {error}") from error


def structure(fields: Any, kind: type[_Kind], name: str) -> _Kind:
    """Build a dataclass from JSON values, with the types of its fields.

    Args:
        fields: the value returned by `parse_json`.
        kind: the dataclass.
        name: name of the object in errors.

    Raises:
        ValueError: a field is unknown, missing or of another type, or the dataclass refuses its value.
    """
    try:
        return _converter().structure(fields, kind)
    except Exception as error:  # cattrs raises an exception group with the exceptions of the fields
        problems = cattrs.transform_error(error, path=name, format_exception=_explain)
        raise ValueError("; ".join(problems)) from error


@cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    # cattrs would silently convert the string "0.1" or true to a number.
    for wanted, accepted in ((bool, (bool,)), (int, (int,)), (float, (float, int)), (str, (str,))):
        converter.register_structure_hook(wanted, partial(_strictly, accepted))
    converter.register_structure_hook_func(_is_literal, _one_of)
    converter.register_structure_hook_func(lambda wanted: wanted == Switch, _switch)
    # Last, because it uses only the hooks that are registered so far.
    configure_tagged_union(Schedule, converter, tag_name="kind")
    return converter


def _is_literal(wanted: Any) -> bool:
    return get_origin(wanted) is Literal


def _one_of(value: Any, wanted: Any) -> Any:
    if value not in get_args(wanted):
        raise ValueError(f"expected one of {', '.join(map(str, get_args(wanted)))}, found {value!r}")
    return value


def _switch(value: Any, wanted: Any) -> Any:
    if not isinstance(value, bool) and value != "auto":
        raise ValueError(f"expected true, false or auto, found {value!r}")
    return value


def _explain(error: BaseException, wanted: type | None) -> str:
    known = isinstance(error, ConfigError | ValueError) and not isinstance(error, KeyError)
    return str(error) if known and str(error) else cattrs.v.format_exception(error, wanted)


def _strictly(accepted: tuple[type, ...], value: Any, wanted: type) -> Any:
    if not isinstance(value, accepted) or (isinstance(value, bool) and wanted is not bool):
        raise ValueError(f"expected {wanted.__name__}, found {value!r}")
    return wanted(value)
