"""Coverage-guided fuzzing of the readers of weight files.

    pip install -e '.[fuzz]'
    python benchmarks/fuzz.py [N] [SEED]        100,000 inputs by default, some minutes; Linux

libFuzzer (through atheris) starts from valid files of every kind and keeps changed files that reach new code. The
changes are defined in fuzz_changes.py: bits, lengths, truncation, parts of other files, or libFuzzer's own mutations.
Half of the changes are applied to the pickle of a zip archive, the header of safetensors or the body of a checkpoint
with a checksum, which are then reassembled with correct lengths and checksums.

Each input is passed to all readers: `read_weights`, for every format; `load_checkpoint` and `read_card`, for a run's
checkpoints. A reader must return the content or raise a CheckpointError of one line, in less than a second of CPU time,
allocating less than four times the file and `SLACK`, and without starting a process. Allocations outside of Python are
measured by the memory of the process, whose address space is limited. The present input is always stored in a file, so
that it is available after a crash.

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
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import atheris
import numpy as np
import torch
from safetensors.numpy import save

from mvd.config import RunConfig, to_json

with atheris.instrument_imports(include=["mvd.weights", "mvd.runs", "zipfile", "pickletools"]):
    from fuzz_changes import change, splice, within

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

STARTED = {"os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "pickle.find_class", "socket.connect"}
"""What Python's audit calls the deeds that no file may lead to."""

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
