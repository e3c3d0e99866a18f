"""Feeds damaged weight files to the readers, and checks what becomes of them.

    python benchmarks/fuzz.py [N] [SEED]        100,000 inputs unless told otherwise, some minutes; Linux

Valid files of every kind are changed at random: bits, lengths, cuts, pieces of other files; half of the changes go into
the pickle of a zip archive, the header of safetensors or the body of a checkpoint with a checksum, which are then put
together again with the right lengths and checksums. Each input has to give tensors or a CheckpointError of one line, in
less than a second, allocating less than four times the file beside `SLACK`. What allocates outside of Python is seen
in the memory of the process, whose address space may grow by a limit. The input at hand is in a file all the time, so
that it is there after a crash.

The table is Markdown, for BENCHMARKS.md.
"""

from __future__ import annotations

import io
import json
import random
import resource
import sys
import tempfile
import time
import tracemalloc
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from safetensors.numpy import save

from mvd.errors import CheckpointError
from mvd.interop import read_weights, write_weights

SLACK = 2**19
MOST_SECONDS = 1.0
ADDRESS_SPACE = 2**28
GOLDENS = Path(__file__).parents[1] / "tests" / "goldens" / "mindspore"

BYTE_ORDERS: list[Literal["little", "big"]] = ["little", "big"]

Mutation = Callable[[bytes, random.Random], bytes]


class Kind(NamedTuple):
    """A kind of file: valid ones, and a way to change one within its frame."""

    files: list[bytes]
    within: Mutation


class Outcome(NamedTuple):
    """What became of one input."""

    result: str
    seconds: float
    allocated: int


def main(count: int, seed: int) -> None:
    """Feed `count` inputs and print what became of them."""
    generator = random.Random(seed)
    # Once: starting it anew for each input leaks.
    tracemalloc.start()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "input"
        kinds = make_kinds(Path(folder))
        everything = [data for kind in kinds.values() for data in kind.files]
        for data in everything:
            require(data, feed(file, data), ("read", "refused"))
        limit_address_space()
        outcomes: dict[str, list[Outcome]] = {name: [] for name in kinds}
        start = time.monotonic()
        for index in range(count):
            name = list(kinds)[index % len(kinds)]
            data = mutate(kinds[name], everything, generator)
            outcome = feed(file, data)
            require(data, outcome, ("read", "refused"))
            outcomes[name].append(outcome)
        print_table(outcomes, time.monotonic() - start)


def make_kinds(folder: Path) -> dict[str, Kind]:
    """Make valid files, small ones and one of 2 MB of each kind."""
    generator = np.random.default_rng(0)
    small = {
        "conv1.weight": generator.standard_normal((8, 3, 3, 3)).astype(np.float32),
        "bn1.weight": np.ones(8, np.float32),
        "bn1.num_batches_tracked": np.array(3),
        "mask": np.array([True, False]),
    }
    large = small | {"fc.weight": generator.standard_normal((1024, 512)).astype(np.float32)}

    def written(
        name: str, kind: str, tensors: Mapping[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]
    ) -> bytes:
        write_weights(folder / name, tensors, kind)  # type: ignore[arg-type]
        return (folder / name).read_bytes()

    checkpoints = [(GOLDENS / f"{name}.ckpt").read_bytes() for name in ("sample", "sample_crc", "sample_enc", "opt")]
    return {
        "MindSpore": Kind([*checkpoints, written("large.ckpt", "mindspore", large)], within_checkpoint),
        "PyTorch, zip": Kind(
            [torch_file(small), torch_file(small, wrapped=True), written("large.pth", "pytorch", large)], within_archive
        ),
        "PyTorch, legacy": Kind([torch_file(small, legacy=True), torch_file(large, legacy=True)], change),
        "safetensors": Kind(
            [(GOLDENS / "sample.safetensors").read_bytes(), save(small), save(large)], within_safetensors
        ),
    }


def torch_file(
    tensors: Mapping[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]],
    *,
    wrapped: bool = False,
    legacy: bool = False,
) -> bytes:
    """Write a file with PyTorch: views, shared storages, bfloat16, and what else checkpoints have in them."""
    state: dict[str, object] = {name: torch.from_numpy(np.array(array)) for name, array in tensors.items()}
    weight = torch.arange(12.0).reshape(3, 4)
    state |= {"view": weight.t(), "part": weight[1:], "half": weight.bfloat16(), "own": torch.nn.Parameter(weight)}
    buffer = io.BytesIO()
    saved = {"epoch": 3, "lr": 0.1, "args": Counter(a=1), "net": state} if wrapped else state
    torch.save(saved, buffer, pickle_protocol=4 if wrapped else 2, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def mutate(kind: Kind, everything: list[bytes], generator: random.Random) -> bytes:
    """Change a file of a kind, within its frame or anywhere; large files seldom."""
    data = generator.choice(
        [data for data in kind.files if len(data) < 2**16 or generator.random() < 0.02] or kind.files
    )
    if generator.random() < 0.1:
        return splice(data, generator.choice(everything), generator)
    return (kind.within if generator.random() < 0.5 else change)(data, generator)


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


def feed(file: Path, data: bytes) -> Outcome:
    """Read an input, and measure."""
    file.write_bytes(data)
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    start = time.perf_counter()
    try:
        read_weights(file)
        result = "read"
    except CheckpointError as error:
        clear = "\n" not in str(error) and str(file) in str(error) and not isinstance(error.__cause__, MemoryError)
        result = "refused" if clear else f"unclear: {error}"
    seconds = time.perf_counter() - start
    _, peak = tracemalloc.get_traced_memory()
    return Outcome(result, seconds, peak - before)


def require(data: bytes, outcome: Outcome, results: tuple[str, ...]) -> None:
    """Stop at the first input that breaks a rule, and keep it."""
    broken = []
    if outcome.result not in results:
        broken.append(outcome.result)
    if outcome.seconds > MOST_SECONDS:
        broken.append(f"{outcome.seconds:.1f} s")
    if outcome.allocated > 4 * len(data) + SLACK:
        broken.append(f"{outcome.allocated} bytes allocated for {len(data)}")
    if broken:
        kept = Path(tempfile.gettempdir()) / "mvd-fuzz-input"
        kept.write_bytes(data)
        sys.exit(f"{kept}: {'; '.join(broken)}")


def limit_address_space() -> None:
    """Let the process grow by a limited amount, whoever allocates."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + ADDRESS_SPACE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def print_table(outcomes: Mapping[str, list[Outcome]], seconds: float) -> None:
    """Print what was fed, what became of it and what it took."""
    print("| kind | inputs | read | refused | slowest, ms | most allocated, KiB |")
    print("|---|---|---|---|---|---|")
    for name, found in outcomes.items():
        results = Counter(outcome.result for outcome in found)
        slowest = 1000 * max((outcome.seconds for outcome in found), default=0.0)
        most = max((outcome.allocated for outcome in found), default=0) / 1024
        print(
            f"| {name} | {len(found):,} | {results['read']:,} | {results['refused']:,} | {slowest:.0f} | {most:,.0f} |"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n{sum(map(len, outcomes.values())):,} inputs in {seconds:.0f} s; the process held {peak:.0f} MiB at most")


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    main(*(arguments + [100_000, 0][len(arguments) :]))
