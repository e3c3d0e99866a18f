"""Zip archives that hold more, or less, or something else than they say."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
import torch
from weights.by_hand import archive, saved, tensor_pickle
from weights.helpers import Refusal, assert_same, by_finding

from mvd.weights.formats.torch_files import decode


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (archive({"data.pkl": b"\x80\x02}.", "constants.pkl": b"", "code/a.py": b""}), "a TorchScript program"),
        (archive({"conv1.weight.npy": b"\x93NUMPY"}), "NumPy's arrays"),
        (archive({"document.xml": b""}), "a zip archive without data.pkl"),
        (archive({"data.pkl": b"\x80\x02}.", "byteorder": b"big"}), "a big-endian machine"),
    ],
    ids=by_finding,
)
def test_archives_of_something_else_are_named(refusal: Refusal, data: bytes, found: str) -> None:
    assert found in refusal(data)


def test_numbers_that_changed_are_noticed(refusal: Refusal) -> None:
    data = bytearray(saved({"a": torch.arange(100.0)}))
    data[data.index(np.arange(100, dtype="<f4").tobytes()) + 7] ^= 1
    assert "cut off or changed" in refusal(bytes(data))


def test_compressed_bombs_are_refused(refusal: Refusal) -> None:
    bomb = archive({"data.pkl": tensor_pickle((2,), (1,)), "data/0": bytes(50 * 2**20)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 2**17
    assert "declares more than it holds" in refusal(bomb)
    assert "compressed or encrypted" in refusal(archive({"data.pkl": bytes(10)}, zipfile.ZIP_DEFLATED))


def test_records_over_each_other_are_refused(refusal: Refusal) -> None:
    data = archive({"data.pkl": tensor_pickle((2,), (1,)), "data/0": bytes(2**20), "data/1": b""})
    entries = data.rindex(b"PK\x05\x06")
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    third = data.index(b"PK\x01\x02", second + 1)
    doubled = data[:third] + data[second:third].replace(b"a/data/0", b"a/data/1") + data[entries:]
    assert "declares more than it holds" in refusal(doubled)


def test_directories_of_too_many_records_are_refused(refusal: Refusal) -> None:
    data = archive({f"{index}": b"" for index in range(20_000)})
    assert "more than" in refusal(data)


def test_files_without_checksums_are_read() -> None:
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        data = saved({"a": torch.ones(3)})
    finally:
        torch.serialization.set_crc32_options(before)
    assert_same(decode(data), {"a": np.ones(3, np.float32)})


def test_records_beyond_the_end_are_refused(refusal: Refusal) -> None:
    data = archive({"0": bytes(1000), "data.pkl": tensor_pickle((2,), (1,))})
    entry = data.rindex(b"PK\x01\x02")
    longer = int.from_bytes(data[entry + 20 : entry + 24], "little") + 200
    # Without a checksum nothing but the length is wrong.
    sizes = bytes(4) + 2 * longer.to_bytes(4, "little")
    assert "cut off or changed" in refusal(data[: entry + 16] + sizes + data[entry + 28 :])


def test_lists_of_records_that_are_most_of_a_file_are_refused(refusal: Refusal) -> None:
    records = {f"{index}\N{CYCLONE}".ljust(2000, "n"): b"" for index in range(1500)}
    assert "a zip archive's list of 3" in refusal(archive({"data.pkl": tensor_pickle((2,), (1,))} | records))


def test_archives_are_not_read_past_their_end(refusal: Refusal) -> None:
    assert "a zip archive that is cut off" in refusal(saved({"a": torch.ones(3)}) + b"more")
