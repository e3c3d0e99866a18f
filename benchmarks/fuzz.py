"""Coverage-guided fuzzing of the readers of weight files.

    pip install -e '.[fuzz]'
    python benchmarks/fuzz.py [N] [SEED]        100,000 inputs by default, some minutes; Linux

libFuzzer (through atheris) begins with valid files of every kind and keeps those changed ones that reach code that none
before has reached. What it changes is decided here: bits, lengths, cuts, pieces of other files, or whatever libFuzzer
itself would do; half of the changes go into the pickle of a zip archive, the header of safetensors or the body of a
checkpoint with a checksum, which are then put together again with the right lengths and checksums.

Each reader gets each input: `read_weights`, for every format; `load_checkpoint` and `read_card`, for a run's
checkpoints. It has to return the content or raise a CheckpointError of one line, in less than a second of CPU time,
allocating less than four times the file and `SLACK`, and without starting anything. What allocates
outside of Python is seen in the memory of the process, whose address space may grow by a limit. The input at hand is in
a file all the time, so that it is there after a crash.

The table is Markdown, for BENCHMARKS.md.
"""

from __future__ import annotations

import io
import json
import os
import random
import resource
import sys
import tempfile
import time
import tracemalloc
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Literal, NamedTuple

import atheris
import numpy as np
import torch
from safetensors.numpy import save

from mvd.config import RunConfig, to_json

with atheris.instrument_imports(include=["mvd.weights", "mvd.runs", "zipfile", "pickletools"]):
    from mvd.errors import CheckpointError
    from mvd.runs import Card, CardFigures, CheckpointMeta, load_checkpoint, read_card
    from mvd.weights import read_weights, write_weights
    from mvd.weights.formats.safetensors_files import is_safetensors
    from mvd.weights.formats.torch_archive import is_zip
    from mvd.weights.formats.torch_files import is_torch

SLACK = 2**19
MOST_SECONDS = 1.0
ADDRESS_SPACE = 2**28
SMALL = 2**16
REPORTED = 5000
GOLDENS = Path(__file__).parents[1] / "tests" / "goldens" / "mindspore"

BYTE_ORDERS: list[Literal["little", "big"]] = ["little", "big"]
STARTED = {"os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "pickle.find_class", "socket.connect"}
"""What Python's audit calls the deeds that no file may lead to."""

Mutation = Callable[[bytes, random.Random], bytes]
READERS: Mapping[str, Callable[[Path], object]] = {
    "weights": read_weights,
    "checkpoints of runs": load_checkpoint,
    "model cards": read_card,
}


class Outcome(NamedTuple):
    """What became of one input in one reader."""

    result: str
    seconds: float
    allocated: int


class Fuzz:
    """Feeds inputs, and counts.

    Args:
        count: inputs to feed.
        seed: of the changes.
        folder: for the input at hand.
    """

    def __init__(self, count: int, seed: int, folder: Path) -> None:
        self.count = count
        self.file = folder / "input"
        self.seeds, self.large = make_seeds(folder)
        self.generator = random.Random(seed)
        self.outcomes: dict[str, list[Outcome]] = defaultdict(list)
        self.inputs = 0
        self.start = time.monotonic()
        self.started: list[str] = []
        # Once: starting it anew for each input leaks.
        tracemalloc.start()
        sys.addaudithook(lambda event, _: self.started.append(event) if event in STARTED else None)
        for data in (*self.seeds, *self.large):
            self.read(data)
        self.outcomes.clear()
        limit_address_space()

    def feed(self, data: bytes) -> None:
        """Read an input with every reader; print the table now and then, and end after the last one."""
        if self.inputs and (self.inputs % REPORTED == 0 or self.inputs == self.count):
            print_table(self.outcomes, self.inputs, time.monotonic() - self.start)
            sys.stdout.flush()
        if self.inputs == self.count:
            os._exit(0)  # libFuzzer would take any other end for a crash
        self.inputs += 1
        self.read(data)

    def read(self, data: bytes) -> None:
        """Read an input with every reader."""
        self.file.write_bytes(data)
        for name, reader in READERS.items():
            outcome = measure(reader, self.file)
            require(data, name, outcome, self.started)
            self.outcomes[f"weights: {kind_of(data)}" if reader is read_weights else name].append(outcome)

    def mutate(self, data: bytes, most: int, seed: int) -> bytes:
        """Change an input of libFuzzer's, within its frame or anywhere; large files seldom."""
        generator = self.generator
        if generator.random() < 0.01:
            data = generator.choice(self.large)
        elif len(data) > SMALL or generator.random() < 0.05:
            data = generator.choice(self.seeds)
        chance = generator.random()
        if chance < 0.1:
            changed = splice(data, generator.choice(self.seeds), generator)
        elif chance < 0.3:
            changed = bytes(atheris.Mutate(data, min(most, len(data) + 64)))
        else:
            changed = within(data, generator) if chance < 0.65 else change(data, generator)
        return changed[:most]


def main(count: int, seed: int) -> None:
    """Feed `count` inputs and print what became of them."""
    with tempfile.TemporaryDirectory() as folder:
        fuzz = Fuzz(count, seed, Path(folder))
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, data in enumerate(fuzz.seeds):
            (corpus / str(number)).write_bytes(data)
        options = [f"-seed={seed + 1}", "-max_len=4194304", "-verbosity=0", f"-artifact_prefix={folder}/"]
        options.append("-timeout=120")  # by the clock, for what never ends; `MOST_SECONDS` is for what takes long
        atheris.Setup([sys.argv[0], *options, str(corpus)], fuzz.feed, custom_mutator=fuzz.mutate)
        atheris.Fuzz()


def make_seeds(folder: Path) -> tuple[list[bytes], list[bytes]]:
    """Make valid files of every kind: small ones, and one of 2 MB of each format of weights."""
    generator = np.random.default_rng(0)
    small = {
        "conv1.weight": generator.standard_normal((8, 3, 3, 3)).astype(np.float32),
        "bn1.weight": np.ones(8, np.float32),
        "bn1.num_batches_tracked": np.array(3),
        "mask": np.array([True, False]),
    }
    large = small | {"fc.weight": generator.standard_normal((1024, 512)).astype(np.float32)}

    def written(name: str, kind: str) -> bytes:
        write_weights(folder / name, large, kind)  # type: ignore[arg-type]
        return (folder / name).read_bytes()

    samples = ("sample.ckpt", "sample_crc.ckpt", "sample_enc.ckpt", "opt.ckpt", "sample.safetensors")
    seeds = [(GOLDENS / name).read_bytes() for name in samples]
    seeds += [torch_file(small), torch_file(small, wrapped=True), torch_file(small, legacy=True)]
    seeds += [save(small), run_checkpoint(small)]
    return seeds, [
        written("large.ckpt", "mindspore"),
        written("large.pth", "pytorch"),
        torch_file(large, legacy=True),
        save(large),
    ]


def run_checkpoint(tensors: Mapping[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]) -> bytes:
    """Write what a checkpoint of a run is: tensors, and metadata with a configuration and a model card."""
    figures = CardFigures(protocol="sysu/all-search/single-shot/seeded", people="validation", values={"mAP": 0.5})
    meta = CheckpointMeta(step=10, epoch=1, metrics={"mAP": 0.5}, best=0.5)
    card = Card(recipe="demo", people=8, seed=0, figures=(figures,))
    metadata = {"mvd": json.dumps(asdict(meta)), "config": to_json(RunConfig()), "card": card.to_json()}
    return save(dict(tensors), metadata=metadata)


def kind_of(data: bytes) -> str:
    """Tell by its beginning what kind of file an input still is."""
    if is_zip(data):
        return "PyTorch, zip"
    if is_torch(data):
        return "PyTorch, legacy"
    if is_safetensors(data):
        return "safetensors"
    return "MindSpore" if data[:1] == b"\x0a" else "anything else"


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


def measure(reader: Callable[[Path], object], file: Path) -> Outcome:
    """Read an input, and measure."""
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    # CPU time, since wall time depends on what else runs.
    start = time.process_time()
    try:
        reader(file)
        result = "read"
    except CheckpointError as error:
        clear = "\n" not in str(error) and str(file) in str(error) and not isinstance(error.__cause__, MemoryError)
        result = "refused" if clear else f"unclear: {error}"
    seconds = time.process_time() - start
    _, peak = tracemalloc.get_traced_memory()
    return Outcome(result, seconds, peak - before)


def require(data: bytes, reader: str, outcome: Outcome, started: list[str]) -> None:
    """Stop at the first input that breaks a rule, and keep it."""
    broken = [f"started {event}" for event in started]
    if outcome.result not in ("read", "refused"):
        broken.append(outcome.result)
    if outcome.seconds > MOST_SECONDS:
        broken.append(f"{outcome.seconds:.1f} s")
    if outcome.allocated > 4 * len(data) + SLACK:
        broken.append(f"{outcome.allocated} bytes allocated for {len(data)}")
    if broken:
        kept = Path(tempfile.gettempdir()) / "mvd-fuzz-input"
        kept.write_bytes(data)
        print(f"{kept}: {reader}: {'; '.join(broken)}", flush=True)
        os._exit(1)


def limit_address_space() -> None:
    """Let the process grow by a limited amount, whoever allocates."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + ADDRESS_SPACE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def print_table(outcomes: Mapping[str, list[Outcome]], inputs: int, seconds: float) -> None:
    """Print what was fed, what became of it and what it took."""
    print("| reader | inputs | read | refused | slowest, ms | most allocated, KiB |")
    print("|---|---|---|---|---|---|")
    for name, found in sorted(outcomes.items()):
        results = Counter(outcome.result for outcome in found)
        slowest = 1000 * max(outcome.seconds for outcome in found)
        most = max(outcome.allocated for outcome in found) / 1024
        print(
            f"| {name} | {len(found):,} | {results['read']:,} | {results['refused']:,} | {slowest:.0f} | {most:,.0f} |"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n{inputs:,} inputs in {seconds:.0f} s; the process held {peak:.0f} MiB at most")


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    main(*(arguments + [100_000, 0][len(arguments) :]))
