"""Names of files: whether they are UTF-8, in which tables, lists and runs are written, and how others are printed."""

from __future__ import annotations


def is_utf8(name: str) -> bool:
    """Whether a name, as the system gave it, is UTF-8; other bytes are lone surrogates in it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def escaped(name: str) -> str:
    r"""Return a name with the bytes escaped that are not UTF-8.

    >>> print(escaped("a\udcd5.jpg"))
    a\xd5.jpg
    """
    found = "".join(f"\\x{ord(one) - 0xDC00:02x}" if 0xDC80 <= ord(one) <= 0xDCFF else one for one in name)
    return found.encode("utf-8", "backslashreplace").decode()
