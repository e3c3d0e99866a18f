"""Names of a table's rows, each of which becomes the name of a folder."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from mvd.errors import ConfigError
from mvd.files.names import is_utf8, one_line

_REFUSED = frozenset('<>:"/\\|?*')  # by Windows, or all systems
_DEVICES = {"con", "prn", "aux", "nul", *(f"{name}{number}" for name in ("com", "lpt") for number in range(1, 10))}
_LONGEST = 200  # bytes


def require_row_names(names: Iterable[str], flag: str, taken: Iterable[str] = ()) -> None:
    """Check that rows have names that are folders of their own on every system.

    Args:
        names: the names.
        flag: the argument, for the error.
        taken: names that no row may have.

    Raises:
        ConfigError: a name cannot be a folder's, is taken, or differs from another by upper and lower case alone.
    """
    seen = {_folded(name): name for name in taken}
    for name in names:
        if not isinstance(name, str) or not _can_be_folder(name):
            raise ConfigError(
                f"{flag}: expected a name that a folder can have, found {name!r}; take letters, digits and spaces"
            )
        if (other := seen.get(_folded(name))) is not None:
            apart = "" if other == name else ", where a disk may tell no upper from lower case"
            raise ConfigError(
                f"{flag}: expected a name for each row that nothing else has, found {name!r} beside {other!r}{apart}; "
                f"take another"
            )
        seen[_folded(name)] = name


def _can_be_folder(name: str) -> bool:
    if not name or not is_utf8(name) or one_line(name) != name or "\t" in name or len(name.encode()) > _LONGEST:
        return False
    if _REFUSED & set(name) or name[0] in ". " or name[-1] in ". ":
        return False
    return name.partition(".")[0].casefold() not in _DEVICES


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
