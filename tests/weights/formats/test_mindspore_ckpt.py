"""MindSpore's checkpoints: files that real MindSpore wrote, files written here, and files that lie.

With MVD_MINDSPORE_PYTHON set to the Python of an environment that has MindSpore, that reads what is written here.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from weights.helpers import SAMPLES, Arrays, Refusal, assert_same, by_finding

from mvd.errors import CheckpointError
from mvd.weights import read_weights, write_weights
from mvd.weights.formats.mindspore_ckpt import decode

_DTYPES = ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
_ONE = np.float32(1).tobytes()


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def block(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def value(name: str, dims: tuple[int, ...], type_name: str, content: bytes, extra: bytes = b"") -> bytes:
    tensor = b"".join(b"\x08" + varint(n) for n in dims) + block(2, type_name.encode()) + block(3, content)
    return block(1, block(1, name.encode()) + block(2, tensor) + extra)


@pytest.mark.parametrize("name", ["sample.ckpt", "sample_crc.ckpt", "sample.safetensors"])
def test_samples_of_mindspore_hold_what_it_was_given(name: str, sample: Arrays) -> None:
    found = read_weights(SAMPLES / name).tensors
    written = {key: found[key] for key in sample}
    assert_same(written, sample)
    beside = {key: array.item() for key, array in found.items() if key not in sample}
    assert beside == ({"epoch_num": 7, "lr": 0.5, "note": "hello", "flag": True} if name == "sample.ckpt" else {})


def test_writing_gives_the_bytes_that_mindspore_writes(tmp_path: Path) -> None:
    original = SAMPLES / "opt.ckpt"
    write_weights(tmp_path / "again.ckpt", read_weights(original).tensors, "mindspore")
    assert (tmp_path / "again.ckpt").read_bytes() == original.read_bytes()


def test_writing_every_type_gives_the_bytes_that_mindspore_writes(tmp_path: Path) -> None:
    original = (SAMPLES / "sample.ckpt").read_bytes()
    arrays = read_weights(SAMPLES / "sample.ckpt").tensors
    bfloat16 = arrays.pop("extra.bf16")
    write_weights(tmp_path / "again.ckpt", arrays, "mindspore")
    # NumPy has no bfloat16, so that one tensor would be written as float32.
    content = (bfloat16.view("<u4") >> 16).astype("<u2").tobytes()
    assert (tmp_path / "again.ckpt").read_bytes() == original.replace(
        value("extra.bf16", bfloat16.shape, "BFloat16", content), b""
    )


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=20),
        st.sampled_from(_DTYPES).flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_side=4))),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_written_is_read_bit_by_bit(tmp_path_factory: pytest.TempPathFactory, arrays: Arrays) -> None:
    file = tmp_path_factory.getbasetemp() / "round-trip.ckpt"
    write_weights(file, arrays, "mindspore")
    assert_same(read_weights(file).tensors, arrays)


def test_large_tensors_are_written_in_parts_and_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mvd.weights.formats.mindspore_ckpt._PIECE_BYTES", 16)
    arrays = {"small": np.arange(4, dtype=np.float32), "large": np.arange(10, dtype=np.float32).reshape(2, 5)}
    file = tmp_path / "parts.ckpt"
    write_weights(file, arrays, "mindspore")
    content = arrays["large"].tobytes()
    parts = [value("large", (2, 5), "Float32", content[start : start + 16]) for start in (0, 16, 32)]
    assert file.read_bytes() == value("small", (4,), "Float32", arrays["small"].tobytes()) + b"".join(parts)
    assert_same(read_weights(file).tensors, arrays)


def test_arrays_in_any_memory_order_and_byte_order_are_written(tmp_path: Path) -> None:
    array = np.arange(6, dtype=">f4").reshape(2, 3).T
    write_weights(tmp_path / "order.ckpt", {"a": array}, "mindspore")
    np.testing.assert_array_equal(read_weights(tmp_path / "order.ckpt").tensors["a"], array)


@pytest.mark.parametrize(
    ("dims", "content", "shape"),
    [((), _ONE, ()), ((0,), _ONE, ()), ((1,), _ONE, (1,)), ((0,), b"", (0,)), ((0, 3), b"", (0, 3))],
)
def test_scalars_and_tensors_without_elements(dims: tuple[int, ...], content: bytes, shape: tuple[int, ...]) -> None:
    assert decode(value("a", dims, "Float32", content))["a"].shape == shape


def test_fields_that_are_unknown_or_packed_are_understood() -> None:
    unknown = b"\x20\x07" + b"\x29" + bytes(8) + b"\x35" + bytes(4) + block(7, b"new")
    packed = block(
        1, block(1, b"a") + unknown + block(2, block(1, b"\x02\x01") + block(2, b"Int8") + block(3, b"\x05\x06"))
    )
    np.testing.assert_array_equal(decode(packed)["a"], np.array([[5], [6]], np.int8))


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (value("a", (2,), "Float32", _ONE), "4 bytes where its shape needs 8"),
        (value("a", (2**40, 2**40), "Float32", _ONE), "a shape that no tensor can have"),
        (value("a", (2**64 - 1,), "Float32", _ONE), "a shape that no tensor can have"),
        (value("a", (2**40,), "Float32", _ONE), "4 bytes where its shape needs 4398046511104"),
        (value("a", (1,) * 33, "Float32", _ONE), "more than 32 dimensions"),
        (value("a", (1,), "Float32", _ONE)[:-1], "a field of"),
        (value("a", (1,), "Complex64", _ONE * 2), "'Complex64'"),
        (value("a", (1,), "Bool", b"\x02"), "truth values other than 0 and 1"),
        (value("a", (0,), "str", b"\xff\xff\xff\xff"), "text that is not UTF-32"),
        (
            value("a", (1,), "Int8", b"1", extra=block(3, b"")) + value("b", (1,), "Int8", b"1", extra=block(2, b"")),
            "twice",
        ),
        (block(1, block(1, b"a") + block(3, b"table")), "embedding table"),
        (block(1, block(1, b"a")), "no content"),
        (value("a", (0,), "str", bytes(2**17)), "a name or text of 131072 bytes"),
        (value("n" * 2**17, (1,), "Int8", b"1"), "a name or text of 131072 bytes"),
        (block(1, block(1, b"\xff\xff")), "text that is not UTF-8"),
        (value("a", (1,), "Int8", b"1") + value("b", (1,), "Int8", b"1") + value("a", (1,), "Int8", b"1"), "twice"),
        (value("a", (2,), "Int8", b"1") + value("a", (3,), "Int8", b"1"), "parts that do not belong together"),
        (value("a", (1,), "Int8", b"1") + block(2, b""), "field 2, where a checkpoint has only field 1"),
        (value("a", (1,), "Int8", b"1") + b"\x08\x01", "a number in field 1, where bytes belong"),
        (value("a", (1,), "Int8", b"1") + b"\x0b", "unknown kind 3"),
        (value("a", (1,), "Int8", b"1") + b"\x0a" + b"\xff" * 10, "more than 64 bits"),
        (value("a", (1,), "Int8", b"1") + b"\x0a" + b"\xff" * 9 + b"\x7f", "more than 64 bits"),
        (value("a", (1,), "Int8", b"1") + b"\x0a\x80", "the end of the file in the middle of a number"),
        (value("a", (1,), "Int8", b"1") + b"crc_num" + bytes(10), "do not fit the file's checksum"),
    ],
    ids=by_finding,
)
def test_checkpoints_that_lie_are_refused(refusal: Refusal, data: bytes, found: str) -> None:
    assert found in refusal(data)


def test_a_checksum_is_compared(refusal: Refusal) -> None:
    data = bytearray((SAMPLES / "sample_crc.ckpt").read_bytes())
    assert int.from_bytes(data[-10:], "big") == zlib.crc32(data[:-17])
    data[100] ^= 1
    assert "checksum" in refusal(bytes(data))


@pytest.mark.parametrize("first", [b"\xd8", b"\xd9", b"\xda"])
def test_encrypted_files_are_recognised(refusal: Refusal, first: bytes) -> None:
    data = first + (SAMPLES / "sample_enc.ckpt").read_bytes()[1:]
    assert "found an encrypted file; load it in MindSpore with its dec_key" in refusal(data)


@pytest.mark.parametrize("cut", range(1, 1900, 61))
def test_checkpoints_that_are_cut_off_within_a_tensor_are_refused(refusal: Refusal, cut: int) -> None:
    assert "copy or download it again" in refusal((SAMPLES / "sample.ckpt").read_bytes()[:-cut])


def test_many_small_tensors_are_refused_before_they_take_memory(refusal: Refusal) -> None:
    data = b"".join(value(f"{index:x}", (1,), "Int8", b"1") for index in range(50_000))
    assert "more than 5" in refusal(data)
    assert "more than 32 dimensions" in refusal(value("a", (1,) * 500_000, "Int8", b"1"))


@pytest.mark.parametrize("array", [np.zeros(2, np.complex64), np.zeros((0, 3), np.float32), np.array(["a", "b"])])
def test_what_a_checkpoint_cannot_hold_is_named(
    tmp_path: Path, array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]
) -> None:
    with pytest.raises(CheckpointError, match=r"layer: expected a tensor that MindSpore's \.ckpt can hold"):
        write_weights(tmp_path / "a.ckpt", {"layer": array}, "mindspore")
    assert not list(tmp_path.iterdir())
