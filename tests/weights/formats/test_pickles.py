"""Pickles as data: nothing in them is run, and nothing in them takes long or much memory."""

from __future__ import annotations

import io
import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from weights.by_hand import archive, saved
from weights.helpers import Refusal, by_finding

from mvd.weights.formats.pickles import Allowance, Unknown, read_pickle
from mvd.weights.formats.torch_files import decode


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_are_what_pickle_makes_of_them(protocol: int) -> None:
    value = {
        "numbers": [0, -1, 255, 65535, 2**31, 2**80, -(2**2100), 1.5, True, None],
        "texts": ("", "ä", "x" * 300, b"bytes", b"b" * 300),
        "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        "lists": [[], [[]], list(range(3000))],
        "same": ["memo"] * 3,
    }
    data = pickle.dumps(value, protocol) + b"rest"
    # Protocols before the third write bytes as a call.
    expected = pickle.loads(data)
    if protocol == 2:
        expected["texts"] = (*expected["texts"][:3], Unknown("_codecs.encode"), Unknown("_codecs.encode"))
    stream = io.BytesIO(data)
    assert read_pickle(stream, Allowance(10_000), lambda name, _: Unknown(name), lambda _: None) == expected
    assert stream.read() == b"rest"


class _Program:
    """Makes a folder when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.file),)


def test_programs_are_not_run(tmp_path: Path, refusal: Refusal) -> None:
    file = tmp_path / "made-by-the-pickle"
    beside = decode(saved({"state_dict": {"a": torch.ones(1)}, "extra": _Program(file)}))
    assert list(beside) == ["a"]
    assert f"a whole object of class '{os.mkdir.__module__}.mkdir'" in refusal(saved(_Program(file)))
    assert "no weights" in refusal(saved({"a": _Program(file)}))
    assert not file.exists()


@pytest.mark.parametrize(
    ("pickled", "found"),
    [
        # A list of 1000 pairs, and then a dictionary of it a thousand times over.
        (
            b"\x80\x02ccollections\nOrderedDict\nq\x00](" + b"X\x01\x00\x00\x00aK\x01\x86" * 1000 + b"e\x85q\x01"
            b"(" + b"h\x00h\x01R" * 1000 + b"t.",
            "more operations than weights need",
        ),
        (b"\x80\x04" + b"}\x94" * 500_000 + b".", "more operations than weights need"),
        (b"\x80\x02X\x00\x00\x20\x00" + b"\xf0\x9f\x8c\x80" + b"x" * (2**21 - 4) + b".", "a pickle of 2097160 bytes"),
        (b"\x80\x02]" + b"2" * 50 + b".", "the pickle operation DUP"),
        (b"\x80\x02N", "a pickle that is damaged"),
        (b"\x80\x02.", "a pickle that is damaged"),
        (b"\x80\x02h\x05.", "a pickle that is damaged"),
        (b"\x80\x02)R.", "a pickle that is damaged"),
        (b"\x80\x02(K\x01u.", "a pickle that is damaged"),
        (b"\x80\x04\x8e" + b"\xff" * 8 + b"x.", "a pickle that is damaged"),
        (b"\x80\x02X\xff\xff\xff\x7fx.", "a pickle that is damaged"),
        (b"\x80\x05\x96" + b"\xff" * 7 + b"\x7fx.", "a pickle that is damaged"),
        (b"\x80\x02r\xff\xff\xff\x7f.", "a pickle that is damaged"),
        (b"\x80\x02K\x01r\xff\xff\xff\x7f.", "no weights"),
        (
            b"\x80\x04" + b"\x8d" + struct.pack("<Q", 10**6) + b"m" * 10**6 + b"\x94" + b"h\x00h\x00\x93" * 9 + b".",
            "too long",
        ),
        (b"\x80\x02}q\x00X\x05\x00\x00\x00modelh\x00s.", "no weights but a dictionary of 'model'"),
        (b"\x80\x02" + b"(" * 50_000 + b"t" * 50_000 + b".", "no weights"),
    ],
    ids=by_finding,
)
def test_pickles_that_mean_trouble_are_refused(refusal: Refusal, pickled: bytes, found: str) -> None:
    assert found in refusal(archive({"data.pkl": pickled}))


def test_numbers_as_keys_are_passed_over() -> None:
    """Numbers that have one hash would take minutes to put into a dictionary."""
    pairs = [(0, 1), ("a", 2), (2**61 - 1, 3), ((), 4)]
    # Python 2 wrote an OrderedDict as a call with its pairs.
    python2 = b"\x80\x02ccollections\nOrderedDict\n" + pickle.dumps(pairs, 2)[2:-1] + b"\x85R."
    for data in (pickle.dumps(dict(pairs), 2), pickle.dumps(OrderedDict(pairs), 2), python2):
        assert read_pickle(io.BytesIO(data), Allowance(10_000), lambda name, _: Unknown(name), lambda _: None) == {
            "a": 2
        }
