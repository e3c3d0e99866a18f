"""Doctests in docstrings as blocks of code on the documentation site: an extension of Griffe (mkdocs.yml).

An example is a paragraph that begins with `>>>`, or a section "Example:", whose name Griffe knows in the plural.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"(?:^|(?<=\n\n))>>> .*?(?=\n\n|\Z)", re.S)


class Doctests(griffe.Extension):  # type: ignore[misc]  # the package has no types where the site is not built
    """Fences each example."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            text = obj.docstring.value.replace("\nExample:\n", "\nExamples:\n")
            obj.docstring.value = _EXAMPLE.sub(lambda found: f"```pycon\n{found[0]}\n```", text)
