"""Exceptions for errors that a user can cause and correct; all are `MvdError`.

Each message is one line: what was expected, what was found, what to do. The command line prints the line alone; a
traceback is a fault of ours.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

_PLURALS = {"person": "people", "query": "queries"}


class MvdError(Exception):
    """Base of every error that a user can cause and correct.

    Attributes:
        silent: where several processes share a run, whether another of them tells the user; None if they have not
            agreed.
    """

    silent: bool | None = None


class ConfigError(MvdError):
    """A setting is out of range, of the wrong type, unknown, or contradicts another setting."""


class MissingPackageError(ConfigError, ImportError):
    """A package that is an extra of mvd is not installed."""


class DatasetError(MvdError):
    """A data set is incomplete, damaged or not in the layout that was expected."""


class CheckpointError(MvdError):
    """A checkpoint is missing, damaged or does not fit the network."""


class RunError(MvdError):
    """A run folder cannot be created, read or continued."""


class BusyError(MvdError):
    """Another process is at work on the same file or folder."""


class TrainingError(MvdError):
    """Training cannot go on: a loss is no longer a number."""


class ProtocolError(MvdError):
    """An evaluation protocol cannot be applied to the pictures or features at hand."""


class GalleryError(MvdError):
    """A gallery is missing, damaged, of another model, or cannot be written."""


class HubError(MvdError):
    """A model hub cannot be reached, or has no such model."""


def some(items: Sequence[object], most: int = 5) -> str:
    """List the first few of many items, for a message.

    >>> some([1, 2, 3, 4, 5, 6, 7])
    '1, 2, 3, 4, 5 and 2 more'
    """
    shown = ", ".join(map(str, items[:most]))
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"


def counted(number: float, noun: str) -> str:
    """Write a number with what it counts, a noun in the singular.

    >>> counted(1, "picture"), counted(1200, "picture"), counted(0, "test person"), counted(0.5, "day")
    ('1 picture', '1,200 pictures', '0 test people', '0.5 days')
    """
    return f"{number:,} {plural(number, noun)}" if isinstance(number, int) else f"{number:g} {plural(number, noun)}"


def plural(number: float, noun: str) -> str:
    """Return a noun, given in the singular, as it follows a number.

    >>> plural(1, "query"), plural(2, "query")
    ('query', 'queries')
    """
    *before, last = noun.split()
    return " ".join([*before, last if number == 1 else _PLURALS.get(last, f"{last}s")])


def require_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Check that an argument is one of some words; the command line checks its own.

    Raises:
        ConfigError: it is another.

    >>> require_choice("to", "onnx", ["mindspore", "pytorch"])
    Traceback (most recent call last):
    mvd.errors.ConfigError: to: expected one of mindspore, pytorch, found 'onnx'
    """
    known = list(choices)
    if value not in known:
        raise ConfigError(f"{name}: expected one of {', '.join(known)}, found {value!r}")


@contextmanager
def argument_names() -> Iterator[None]:
    """Name arguments instead of fields of a configuration in errors, where a caller has none: device, batch.

    >>> with argument_names():
    ...     raise ConfigError("runtime.embed_batch: expected 0 or more, found -1")
    Traceback (most recent call last):
    mvd.errors.ConfigError: batch: expected 0 or more, found -1
    """
    try:
        yield
    except ConfigError as error:
        raise ConfigError(str(error).replace("runtime.embed_batch", "batch").replace("runtime.", "")) from error


def explain(error: OSError) -> MvdError:
    """Make a user's error of one of the system's, such as a name that is too long or a folder that is closed to us.

    >>> print(explain(PermissionError(13, "Permission denied", "/closed/file")))
    /closed/file: expected to use it, could not (Permission denied); check the path, its permissions and the space there
    """
    where = error.filename2 or error.filename
    place = f"{where}: expected to use it" if isinstance(where, str) else "expected to read and write files"
    return MvdError(
        f"{place}, could not ({error.strerror or error}); check the path, its permissions and the space there"
    )


@contextmanager
def needing_torch(expected: str = "expected PyTorch, which this needs, found none") -> Iterator[None]:
    """Make one line of the error where PyTorch, an extra, is imported and not installed.

    Raises:
        MissingPackageError: it is not.
    """
    with _needing("torch", f"{expected}; install it: pip install 'mvd[torch]'"):
        yield


@contextmanager
def needing_scipy(purpose: str) -> Iterator[None]:
    """Make one line of the error where SciPy is imported, which comes with the extras that train, and is not installed.

    Raises:
        MissingPackageError: it is not.
    """
    with _needing("scipy", f"{purpose}: expected SciPy, found none; install it: pip install scipy"):
        yield


@contextmanager
def _needing(package: str, message: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise MissingPackageError(message) from error
