"""Mutations of fuzz.py: bytes anywhere, and parts of a container that is reassembled around them."""

from __future__ import annotations

import io
import json
import random
import zipfile
import zlib
from collections.abc import Callable
from typing import Literal

from mvd.weights.formats.safetensors_files import is_safetensors
from mvd.weights.formats.torch_archive import is_zip

BYTE_ORDERS: list[Literal["little", "big"]] = ["little", "big"]
Mutation = Callable[[bytes, random.Random], bytes]


def change(data: bytes, generator: random.Random) -> bytes:
    """Change bytes one to four times over."""
    for _ in range(generator.randint(1, 4)):
        data = generator.choice(CHANGES)(data, generator)
    return data


def flip_bits(data: bytes, generator: random.Random) -> bytes:
    """Turn bits around."""
    changed = bytearray(data)
    for _ in range(generator.randint(1, 8) if data else 0):
        changed[place(data, generator)] ^= 1 << generator.randrange(8)
    return bytes(changed)


def cut(data: bytes, generator: random.Random) -> bytes:
    """Cut the end off."""
    return data[: generator.randrange(len(data) + 1)]


def put_length(data: bytes, generator: random.Random) -> bytes:
    """Write a number that means trouble as a length: fixed, little-endian or big-endian, or as a varint."""
    number = generator.choice(
        [0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**48, 2**63 - 1, 2**64 - 1]
    )
    number = generator.choice([number, len(data), max(len(data) - 1, 0), len(data) + 1])
    width = generator.choice([1, 2, 4, 8])
    encoded = (number % (1 << 8 * width)).to_bytes(width, generator.choice(BYTE_ORDERS))
    if generator.random() < 0.3:
        encoded = b"\xff" * generator.randint(1, 10) + b"\x01"
    start = place(data, generator)
    return data[:start] + encoded + data[start + len(encoded) :]


def remove(data: bytes, generator: random.Random) -> bytes:
    """Leave some bytes out."""
    start = place(data, generator)
    return data[:start] + data[start + generator.randint(1, 64) :]


def repeat(data: bytes, generator: random.Random) -> bytes:
    """Have some bytes several times."""
    start, length = place(data, generator), generator.randint(1, 64)
    return data[:start] + data[start : start + length] * generator.randint(2, 20) + data[start:]


def insert(data: bytes, generator: random.Random) -> bytes:
    """Put random bytes in."""
    start = place(data, generator)
    return data[:start] + generator.randbytes(generator.randint(1, 32)) + data[start:]


def splice(data: bytes, other: bytes, generator: random.Random) -> bytes:
    """Begin as one file and go on as another, at most 64 KiB of each."""
    data, other = data[: 2**16], other[-(2**16) :]
    return data[: generator.randrange(len(data) + 1)] + other[generator.randrange(len(other) + 1) :]


CHANGES: list[Mutation] = [flip_bits, flip_bits, cut, put_length, put_length, remove, repeat, insert]


def place(data: bytes, generator: random.Random) -> int:
    """Choose a place, near either end as often as anywhere: that is where formats keep their lengths."""
    near = generator.randrange(min(len(data), 200) or 1)
    return generator.choice([near, max(len(data) - 1 - near, 0), generator.randrange(len(data) or 1)])


def within(data: bytes, generator: random.Random) -> bytes:
    """Change what is in the frame of a file, if it has one that can still be opened."""
    try:
        if is_zip(data):
            return within_archive(data, generator)
        if is_safetensors(data):
            return within_safetensors(data, generator)
    # Earlier changes have damaged the frame.
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError, IndexError, StopIteration, NotImplementedError):
        return change(data, generator)
    except (AttributeError, RecursionError, OverflowError, EOFError, RuntimeError, OSError, zlib.error):
        return change(data, generator)
    return (within_checkpoint if b"crc_num" in data else change)(data, generator)


def within_checkpoint(data: bytes, generator: random.Random) -> bytes:
    """Change a checkpoint and give it a checksum that fits."""
    body = change(data.partition(b"crc_num")[0], generator)
    return body + b"crc_num" + zlib.crc32(body).to_bytes(10, "big")


def within_archive(data: bytes, generator: random.Random) -> bytes:
    """Change a record of an archive, mostly the pickle, and write the archive anew; now and then compressed."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    pickled = next(name for name in records if name.endswith("data.pkl"))
    name = pickled if generator.random() < 0.8 else generator.choice(list(records))
    records[name] = change(records[name], generator)
    compression = zipfile.ZIP_DEFLATED if generator.random() < 0.05 else zipfile.ZIP_STORED
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, record in records.items():
            archive.writestr(name, record)
    return buffer.getvalue()


def within_safetensors(data: bytes, generator: random.Random) -> bytes:
    """Change the header, as text or as numbers in it, and give it the length that fits."""
    end = 8 + int.from_bytes(data[:8], "little")
    header, body = data[8:end], data[end:]
    if generator.random() < 0.5:
        fields = json.loads(header)
        tensor = fields[generator.choice([name for name in fields if name != "__metadata__"])]
        numbers = tensor[generator.choice(["shape", "data_offsets"])]
        numbers[:] = [generator.choice([n, 0, n + 1, n * 2, 2**31, 2**53, 2**63 - 1, -1]) for n in numbers]
        header = json.dumps(fields).encode()
    else:
        header = b"{" + change(header[1:], generator)
    return len(header).to_bytes(8, "little") + header + body
