"""Names of rows are folders of their own on every system."""

from __future__ import annotations

from typing import Any

import pytest

from mvd.commands.training.row_names import require_row_names
from mvd.errors import ConfigError


def test_usual_names_are_taken() -> None:
    require_row_names(["no VSD, VCD, VML", "mvd-strong, GeM", "lr 0.1 (×2)", "größer"], "own", ["mvd"])


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".a", " a", "a ", "a.", "a/b", "a\\b", "a:b", "a?", "a*", 'a"', "a<b", "a|b", "a\0", "a\nb", "a\tb",
     "\x1b[31m", "\udcd5", "con", "NUL.txt", "x" * 201, 3],
)  # fmt: skip
def test_what_no_folder_can_be_called_everywhere_is_refused(name: Any) -> None:
    with pytest.raises(ConfigError, match=r"^own: expected a name that a folder can have"):
        require_row_names([name], "own")


@pytest.mark.parametrize(
    ("names", "taken"), [(["MVD"], ["mvd"]), (["a", "A"], []), (["ß", "SS"], []), (["é", "e\u0301"], [])]
)
def test_names_of_one_folder_are_refused(names: list[str], taken: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"^vary: expected a name for each row that nothing else has"):
        require_row_names(names, "vary", taken)
