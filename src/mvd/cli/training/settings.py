"""Named settings: a name, and flags of `mvd train` that change a configuration."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from tyro.conf import AvoidSubcommands, arg

from mvd.cli.arguments import parse_arguments
from mvd.config import RunConfig
from mvd.config.recipes import resolve_config
from mvd.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class _Fields:
    config: Annotated[RunConfig, arg(name=""), AvoidSubcommands] = field(default_factory=RunConfig)


def parse_setting(text: str, flag: str) -> tuple[str, list[str]]:
    """Parse NAME=FLAGS: a name, and flags in shell syntax.

    Args:
        text: the text to parse.
        flag: the flag whose value it is, for the error.

    Raises:
        ConfigError: the text has another form.

    Example:
        >>> parse_setting("no average=--optimizer.ema 0", "--vary")
        ('no average', ['--optimizer.ema', '0'])
    """
    name, equals, flags = text.partition("=")
    try:
        words = shlex.split(flags)
    except ValueError as error:
        raise ConfigError(f"{flag}: expected NAME='FLAGS', found {text!r} ({error})") from error
    if not name or name.startswith("-") or not equals:
        raise ConfigError(f"{flag}: expected NAME='--flag value …', found {text!r}; the flags are those of mvd train")
    return name, words


def split_recipe(flags: Sequence[str]) -> tuple[str | None, list[str]]:
    """Separate --recipe from the other flags; the last one counts.

    Example:
        >>> split_recipe(["--optimizer.ema", "0", "--recipe", "agw"])
        ('agw', ['--optimizer.ema', '0'])
    """
    recipe, others, words = None, [], iter(flags)
    for word in words:
        flag, equals, value = word.partition("=")
        if flag == "--recipe":
            recipe = value if equals else next(words, "")
        else:
            others.append(word)
    return recipe, others


def change(base: RunConfig, flags: Sequence[str], program: str) -> RunConfig:
    """Change a configuration by flags of `mvd train`; a wrong flag ends the program with a one-line error."""
    return parse_arguments(_Fields, flags, program=program, default=_Fields(config=base), see="mvd train --help").config


def parse_settings(texts: Sequence[str], base: RunConfig) -> dict[str, RunConfig] | None:
    """Parse the settings of --vary, changes of `base` or of a recipe that they name; None if there are none.

    Raises:
        ConfigError: a setting has another form, or a name occurs twice.
    """
    settings: dict[str, RunConfig] = {}
    for text in texts:
        name, flags = parse_setting(text, "--vary")
        if name in settings:
            raise ConfigError(f"--vary: expected a name for each setting, found {name!r} twice")
        recipe, flags = split_recipe(flags)
        start = base if recipe is None else resolve_config(recipe)
        settings[name] = change(start, flags, f"ablate --vary {name!r}")
    return settings or None
