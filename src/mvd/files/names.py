"""Names of files, which may hold any character: whether they are UTF-8, and how they are printed and pasted.

Tables, lists and runs are written in UTF-8.
"""

from __future__ import annotations

import shlex
from os import PathLike, fspath

_CONTROLS = {
    number: f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
    for number in (*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
_BREAKS = {10: "\\n", 0x2028: "\\u2028", 0x2029: "\\u2029"}


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


def visible(text: str) -> str:
    """Escape the characters that control a terminal, but newlines and tabs: ESC becomes "x1b" after a backslash."""
    return text.translate(_CONTROLS)


def one_line(text: str) -> str:
    r"""Escape the characters that control a terminal or end a line, so that a text with names in it is one line.

    >>> print(one_line("a\nb.jpg: expected a picture"))
    a\nb.jpg: expected a picture
    """
    return text.translate(_CONTROLS | _BREAKS)


def shell_words(*words: str | PathLike[str]) -> str:
    r"""Write words as they can be pasted into a POSIX shell, on one line, whatever characters are in them.

    >>> print(shell_words("mvd", "check", "my data"), shell_words("a\n'b"), shell_words("a\udcd5"))
    mvd check 'my data' $'a\x0a\'b' $'a\xd5'
    """
    return " ".join(_shell_word(fspath(word)) for word in words)


def _shell_word(word: str) -> str:
    if is_utf8(word) and one_line(word) == word and "\t" not in word:  # which a shell would complete
        return shlex.quote(word)
    escapes = {
        ord(one): "".join(f"\\x{byte:02x}" for byte in one.encode())
        for one in map(chr, _CONTROLS | _BREAKS | {9: None})
    }
    escapes |= {ord(one): f"\\{one}" for one in "\\'"}
    return f"$'{escaped(word.translate(escapes))}'"
