"""`mvd`: the command line. Each verb is a dataclass of its arguments that calls a function of `mvd.commands`.

Only this package prints, sets exit codes and turns a user's error into one line. Exit codes: 0 for success, 1 for an
error in the input, 2 for arguments that could not be parsed, 130 for a stop by Ctrl-C. A verb's module is imported when
the verb is called, and PyTorch only by verbs that compute.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import MISSING, fields
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console

from mvd import __version__
from mvd.cli.arguments import parse_arguments
from mvd.cli.screen import STOPPED, open_console, say
from mvd.distributed.launch import first_one_speaks, print_error
from mvd.errors import MvdError, explain, needing_torch
from mvd.files.names import one_line
from mvd.reporting.terminal.interrupts import cleaning_up, ignoring_interrupts, is_interrupted
from mvd.reporting.terminal.output import report_failure, safe_output

_GROUPS = {
    "data": {"synth": "synth:Synth", "check": "check:Check", "split": "split:Split", "prepare": "prepare:Prepare"},
    "training": {
        "recipes": "recipes:Recipes",
        "train": "train:Train",
        "ablate": "ablate:Ablate",
        "demo": "demo:Demo",
        "benchmark": "benchmark:Benchmark",
    },
    "results": {
        "runs": "runs:Runs",
        "evaluate": "evaluate:Evaluate",
        "report": "report:Report",
        "protocols": "protocols:Protocols",
    },
    "pictures": {
        "embed": "embed:Embed",
        "calibrate": "calibrate:Calibrate",
        "gallery": "gallery:Gallery",
        "serve": "serve:Serve",
    },
    "weights": {
        "import": "import_weights:Import",
        "convert": "convert:Convert",
        "show": "show:Show",
        "export": "export:Export",
        "push": "push:Push",
    },
}
"""Groups of verbs, in the order of the help. Each verb has its module and class in the package of its group."""

_VERBS = {verb: f"{group}.{place}" for group, verbs in _GROUPS.items() for verb, place in verbs.items()}


_ACTIONS = {
    "gallery": {
        "add": "pictures.gallery:Add",
        "search": "pictures.gallery:Search",
        "show": "pictures.gallery:Show",
        "remove": "pictures.gallery:Remove",
        "stats": "pictures.gallery:Stats",
        "audit": "pictures.gallery:Audit",
    },
}
"""Verbs with several actions; each action has its module and class."""


_SHARED = {"train", "evaluate", "ablate", "benchmark", "demo", "embed"}
"""Verbs that may run in all processes of a distributed launch; only the first process prints."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: the arguments without the program's name; by default those of the process.

    Returns:
        The exit code.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    with safe_output() as output, cleaning_up():
        try:
            speaking = first_one_speaks() if given[:1] and given[0] in _SHARED else nullcontext()
            verb = given[0] if given else ""
            with speaking, needing_torch(f"{verb}: expected PyTorch, which it needs, found none"):
                code = _parse(given)(open_console())
        except (MvdError, OSError) as problem:
            error = explain(problem) if isinstance(problem, OSError) else problem
            print_error(one_line(f"mvd: {error}"), error)
            code = 1
        except (KeyboardInterrupt, Exception) as error:
            if not is_interrupted(error):
                raise
            with ignoring_interrupts():
                say(open_console(stderr=True), "mvd: stopped")
            code = STOPPED
        return int(report_failure("mvd", output)) if code == 0 else code


def overview() -> str:
    """Write the help of `mvd`: every verb by group, in at most 24 lines of 80 columns."""
    lines = ["usage: mvd VERB [arguments]; mvd VERB --help lists them", ""]
    for group, verbs in _GROUPS.items():
        for place, verb in enumerate(verbs):
            lines.append(f"{group if place == 0 else '':<9} {verb:<10} {_summary(_load(_VERBS[verb]))}")
    return "\n".join(lines)


def overview_of(verb: str) -> str:
    """Write the help of a verb with several actions."""
    lines = [f"usage: mvd {verb} ACTION [arguments]", ""]
    lines += [f"{action:<10} {_summary(_load(place))}" for action, place in _ACTIONS[verb].items()]
    return "\n".join([*lines, "", f"mvd {verb} ACTION --help lists its arguments."])


def _parse(arguments: list[str]) -> Callable[[Console], int]:
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if verb in {"-h", "--help"}:
        print(overview())
        raise SystemExit(0)
    if verb == "--version":
        print(f"mvd {__version__}")
        raise SystemExit(0)
    if verb not in _VERBS:
        close = get_close_matches(verb, _VERBS, 1)
        hint = f"did you mean {close[0]}?" if close else "mvd --help lists them"
        print(f"mvd: expected a verb, found {verb!r}; {hint}" if verb else overview(), file=sys.stderr)
        raise SystemExit(2)
    place = _VERBS[verb]
    if verb in _ACTIONS:
        action, rest = (rest[0], rest[1:]) if rest else ("", [])
        if action in {"-h", "--help"}:
            print(overview_of(verb))
            raise SystemExit(0)
        if action not in _ACTIONS[verb]:
            found = f"mvd: {verb}: expected an action, found {action!r}" if action else overview_of(verb)
            close = get_close_matches(action, _ACTIONS[verb], 1)
            hint = f"did you mean {close[0]}?" if close else f"mvd {verb} --help lists them"
            print(f"{found}; {hint}" if action else found, file=sys.stderr)
            raise SystemExit(2)
        verb, place = f"{verb} {action}", _ACTIONS[verb][action]
    kind = _load(place)
    parsed: Callable[[Console], int] = parse_arguments(kind, rest, program=verb, default=_defaults(kind, rest))
    return parsed


def _load(place: str) -> type[Any]:
    module, _, name = place.partition(":")
    kind: type[Any] = getattr(import_module(f"mvd.cli.{module}"), name)
    return kind


def _summary(kind: type[Any]) -> str:
    return (kind.__doc__ or "").partition("\n")[0].rstrip(".")


def _defaults(kind: type[Any], arguments: list[str]) -> Any:
    """Build the defaults of a verb that takes a recipe: those of the recipe, or of the run that is resumed."""
    import tyro

    from mvd.config.recipes import RECIPES

    if "recipe" not in {field.name for field in fields(kind)}:
        return tyro.MISSING_NONPROP
    required = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    resumed = _look_ahead(arguments, "--resume") if "resume" in {field.name for field in fields(kind)} else ""
    if resumed:
        from mvd.cli.training.train import resumed_defaults

        config = resumed_defaults(Path(resumed))
    else:
        chosen = _look_ahead(arguments, "--recipe")
        config = RECIPES[chosen if chosen in RECIPES else "mvd"]  # tyro will refuse a wrong name
    return kind(**dict.fromkeys(required, tyro.MISSING), config=config)


def _look_ahead(arguments: list[str], wanted: str) -> str:
    """Find the value of a flag before the arguments are parsed; the last occurrence counts."""
    found = ""
    for place, argument in enumerate(arguments):
        flag, _, value = argument.partition("=")
        if flag == wanted:
            found = value or "".join(arguments[place + 1 : place + 2])
    return found
