"""Read a pickle without executing it: numbers, text, lists, tuples and dictionaries; names are not resolved.

A pickle is a program for a stack machine, and `pickle` imports and calls whatever the program names. This machine
imports and calls nothing. Instances of classes become `Unknown`, so that weights beside them can be read.

`pickletools` reads the operations and checks their lengths. Each operation allocates at most some hundred bytes, and
their number is limited. Only dictionary entries with text keys are kept: other keys (an optimizer's) can be crafted to
collide, or to take forever to compare.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, NamedTuple, TypeAlias

from mvd.weights.formats.arrays import RefusedError

_LONGEST_NAME = 200


class Name(NamedTuple):
    """A class or function that a pickle names, such as "collections.OrderedDict"."""

    full: str


class Unknown(NamedTuple):
    """An object that is not interpreted, and the class or function that created it."""

    of: str


Call: TypeAlias = Callable[[str, tuple[Any, ...]], object]
"""Returns the result of a call, from the name of a function or class, and its arguments."""

Load: TypeAlias = Callable[[object], object]
"""Resolves a persistent id, which refers to an object outside the pickle."""


class Allowance:
    """The number of operations and of dictionary entries that the pickles of a file may have in total."""

    def __init__(self, operations: int) -> None:
        self._left = operations

    def spend(self, number: int) -> None:
        """Subtract a number; refuse the file if fewer are left."""
        self._left -= number
        if self._left < 0:
            raise RefusedError("pickles of more operations than weights need")


def read_pickle(stream: BinaryIO, allowance: Allowance, call: Call, load: Load) -> object:
    """Read one pickle from a stream.

    Args:
        stream: a stream over bytes in memory, so that no declared length is allocated.
        allowance: the operations that the file has left.
        call: returns the results of calls, `Unknown` for unknown ones.
        load: resolves persistent ids.

    Raises:
        RefusedError: the pickle is damaged, or has operations that saved weights do not need.
    """
    machine = _Machine(allowance, call, load)
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            machine.step(opcode.name, argument)
        return machine.stack.pop()
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise RefusedError("a pickle that is damaged") from error


class _Machine:
    """The stack machine. Errors of the program are raised as exceptions that `read_pickle` catches."""

    def __init__(self, allowance: Allowance, call: Call, load: Load) -> None:
        self.stack: list[Any] = []
        self.allowance = allowance
        self.call = call
        self.load = load
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Execute an operation."""
        self.allowance.spend(1)
        if name in _PUSH_ARGUMENT:
            self.stack.append(argument)
        elif name in _PUSH:
            self.stack.append(_PUSH[name]())
        elif name in _OPERATIONS:
            _OPERATIONS[name](self, argument)
        elif name not in _IGNORED:
            raise RefusedError(f"the pickle operation {name}, which saved weights do not need")

    def take(self, number: int) -> list[Any]:
        items = self.stack[-number:]
        if len(items) < number:
            raise IndexError("the stack is empty")
        del self.stack[-number:]
        return items

    def take_marked(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def drop(self) -> None:
        self.take(1)

    def drop_marked(self) -> None:
        self.take_marked()

    def remember(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def extend(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)

    def update(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], dict):
            pairs = zip(items[::2], items[1::2], strict=True)
            self.stack[-1].update((key, value) for key, value in pairs if isinstance(key, str))

    def made(self, function: Any, arguments: Any) -> object:
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise TypeError("a call of what is no function")
        if function.full == "collections.OrderedDict":
            pairs = _pairs(*arguments)
            # A list from the memo can be converted to dictionaries repeatedly.
            self.allowance.spend(len(pairs))
            return {key: value for key, value in pairs if isinstance(key, str)}
        return self.call(function.full, arguments)


_OPERATIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": lambda machine, _: machine.marks.append(len(machine.stack)),
    "POP": lambda machine, _: machine.drop(),
    "POP_MARK": lambda machine, _: machine.drop_marked(),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.take_marked())),
    "TUPLE1": lambda machine, _: machine.stack.append(tuple(machine.take(1))),
    "TUPLE2": lambda machine, _: machine.stack.append(tuple(machine.take(2))),
    "TUPLE3": lambda machine, _: machine.stack.append(tuple(machine.take(3))),
    "APPEND": lambda machine, _: machine.extend(machine.take(1)),
    "APPENDS": lambda machine, _: machine.extend(machine.take_marked()),
    "ADDITEMS": lambda machine, _: machine.extend(machine.take_marked()),
    "SETITEM": lambda machine, _: machine.update(machine.take(2)),
    "SETITEMS": lambda machine, _: machine.update(machine.take_marked()),
    "BINPUT": lambda machine, index: machine.remember(index),
    "LONG_BINPUT": lambda machine, index: machine.remember(index),
    "MEMOIZE": lambda machine, _: machine.remember(len(machine.memo)),
    "BINGET": lambda machine, index: machine.stack.append(machine.memo[index]),
    "LONG_BINGET": lambda machine, index: machine.stack.append(machine.memo[index]),
    "GLOBAL": lambda machine, name: machine.stack.append(_name(*name.split(" ", 1))),
    "STACK_GLOBAL": lambda machine, _: machine.stack.append(_name(*machine.take(2))),
    "REDUCE": lambda machine, _: machine.stack.append(machine.made(*machine.take(2))),
    "NEWOBJ": lambda machine, _: machine.stack.append(machine.made(*machine.take(2))),
    "NEWOBJ_EX": lambda machine, _: machine.stack.append(machine.made(*machine.take(3)[:2])),
    # The state of an object is ignored.
    "BUILD": lambda machine, _: machine.drop(),
    "BINPERSID": lambda machine, _: machine.stack.append(machine.load(machine.stack.pop())),
}
_PUSH: dict[str, Callable[[], object]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": lambda: (),
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": lambda: Unknown("set"),
}
_PUSH_ARGUMENT = {
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_IGNORED = {"PROTO", "FRAME", "STOP"}


def _name(module: Any, name: Any) -> Name:
    if not isinstance(module, str) or not isinstance(name, str):
        raise TypeError("a name that is no text")
    # A name from the memo takes only a few bytes of the file, however long it is; it must not be joined repeatedly.
    if len(module) + len(name) > _LONGEST_NAME:
        raise RefusedError("the name of a class that is too long")
    return Name(f"{module}.{name}")


def _pairs(items: Any = ()) -> Sequence[Any]:
    """Return the pairs of a dictionary as pickled by Python 2."""
    if not isinstance(items, list | tuple):
        raise TypeError("a dictionary of what are no pairs")
    return items
