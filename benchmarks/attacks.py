"""Robustness test: interrupt every verb that writes, damage the files that verbs read, and count the faults. Linux.

    OMP_NUM_THREADS=1 nice python benchmarks/attacks.py [--tries 500] [--first 0] [--seed 0] [--log FILE] [--verbs …]
    python benchmarks/attacks.py --table FILE

A try runs a verb in its own folder: `synth`, `split`, `prepare`, `train`, a resume with more epochs, `evaluate`,
`export`, `convert`, `import`, `push --local`, `embed`, `calibrate`. Its number and the seed determine it, so that tries
can be run in parts, and a single try can be repeated: `--first 123 --tries 1`. Kinds of tries:

- kill, terminate: SIGKILL or SIGTERM at a random moment, then the command that continues. The files after the signal
  must be complete, and the final files must equal those of an undisturbed command.
- race: the same command twice at once. Of two commands that create something one wins; all final files are complete.
- pictures, lists, galleries, state: bits, bytes, values and lengths are changed in pictures, lists of people,
  SYSU-MM01's `rand_perm_cam.mat`, and the files of a run; then a verb reads them, and reports the error in one line.

Faults: a traceback; a crash by another signal; an orphan process; a remaining temporary file (after SIGKILL: after the
command that continues); an incomplete or wrong file; two winners, or none; no end within five minutes. Verbs run in
forks of this process, which has imported everything, since a start takes seconds; some of the interrupted verbs are
started in a new process, to interrupt the start too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from attacks_files import Content, broken_files, content, leftovers, mutate_bytes, mutate_json
from attacks_process import Process
from attacks_verbs import OFTEN, READERS, SIZE, TINY, VERBS

KINDS = {"kill": 34, "terminate": 18, "race": 10, "pictures": 12, "lists": 8, "galleries": 6, "state": 12}
"""How often each is tried."""

ANEW = 0.05


@dataclass
class Try:
    """A try and its outcome; `faults` are "kind: what"."""

    number: int
    kind: str
    verb: str
    faults: list[str]
    seconds: float = 0.0


class Attacks:
    """Makes tries in folders below one; measures the undisturbed verbs first.

    Args:
        folder: an empty folder.
        seed: of all tries.
        verbs: which get signals and race.
    """

    def __init__(self, folder: Path, seed: int, verbs: Sequence[str]) -> None:
        self.folder, self.seed, self.verbs, self.base = folder, seed, verbs, folder / "base"
        self.base.mkdir()
        for arguments in (
            ("synth", "people", "--train=4", "--validation=2", "--test=3", "--pictures=2", "--height=64"),
            ("synth", "own", "--layout=folder", "--train=4", "--test=4", "--pictures=1", "--height=64"),
        ):
            self._must(arguments)
        for file in (self.base / "own").glob("*_id.txt"):
            file.unlink()
        shutil.copytree(self.base / "people", self.base / "prepared")
        self._must(("prepare", "prepared", *SIZE))
        self._must(("train", "prepared", "--out=run", *TINY))
        self._must(("evaluate", "run"))
        shutil.copy(self.base / "run" / "checkpoints" / "best.safetensors", self.base / "w.safetensors")
        self.expected: dict[str, Content] = {}
        self.seconds: dict[str, float] = {}

    def _must(self, arguments: Sequence[str]) -> None:
        process = Process(arguments, self.base)
        status, faults = process.end()
        if status or faults:
            raise SystemExit(f"mvd {' '.join(arguments)}: {status} {faults} {process.errors.read_text()}")
        process.errors.unlink()
        shutil.rmtree(self.base / "tmp")

    def arguments(self, words: Sequence[str]) -> list[str]:
        """Put the place of what is shared into arguments."""
        return [word.replace("BASE", str(self.base)) for word in words]

    def place(self, name: str, copies: Sequence[str]) -> Path:
        """Make the folder of a try."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for copied in copies:
            shutil.copytree(self.base / copied, folder / copied)
        return folder

    def reference(self, name: str) -> tuple[Content, float]:
        """Return what a verb makes undisturbed, and in how many seconds."""
        if name not in self.expected:
            folder = self.place(f"reference-{name}", VERBS[name].copies)
            process = Process(self.arguments(VERBS[name].arguments), folder)
            status, faults = process.end()
            if status or faults:
                raise SystemExit(f"mvd {name}: {status} {faults} {process.errors.read_text()}")
            self.seconds[name] = time.monotonic() - process.began
            self.expected[name] = content(folder)
        return self.expected[name], self.seconds[name]

    def attack(self, number: int) -> Try:
        """Make a try."""
        rng = random.Random(f"{self.seed}/{number}")
        began = time.monotonic()
        kind = rng.choices([*KINDS], [*KINDS.values()])[0]
        if kind in READERS:
            done = self._mutated(number, kind, rng)
        else:
            name = rng.choices(self.verbs, [OFTEN.get(verb, 3) for verb in self.verbs])[0]
            attack = self._raced if kind == "race" else self._signalled
            folder = self.place(f"try-{number}", VERBS[name].copies)
            done = Try(number, kind, name, attack(folder, name, kind, rng))
        if not done.faults:
            shutil.rmtree(self.folder / f"try-{number}")
        done.seconds = time.monotonic() - began
        return done

    def _signalled(self, folder: Path, name: str, kind: str, rng: random.Random) -> list[str]:
        verb, (expected, seconds) = VERBS[name], self.reference(name)
        number = signal.SIGKILL if kind == "kill" else signal.SIGTERM
        anew = rng.random() < ANEW
        process = Process(self.arguments(verb.arguments), folder, anew=anew)
        status, faults = process.end(number, rng.uniform(0, seconds * 1.1 + 5 * anew))
        faults += [f"half-written: {file} after the signal" for file in broken_files(folder, expected)]
        if kind == "terminate" and not verb.keeps_parts:
            faults += [f"leftover: {file} after status {status}" for file in leftovers(folder)]
        shutil.rmtree(folder / "tmp")  # of a process that could not clean up
        words = verb.again if verb.again and (folder / "run" / "config.json").exists() else verb.arguments
        after, more = Process(self.arguments(words), folder).end()
        faults += [f"{fault} (going on)" for fault in more]
        return faults + self._at_the_end(folder, expected, f"statuses {status} and {after}")

    def _raced(self, folder: Path, name: str, kind: str, rng: random.Random) -> list[str]:
        verb, (expected, seconds) = VERBS[name], self.reference(name)
        first = Process(self.arguments(verb.arguments), folder)
        time.sleep(rng.uniform(0, seconds / 2))
        second = Process(self.arguments(verb.arguments), folder)
        ends = [process.end() for process in (first, second)]
        statuses = [status for status, _ in ends]
        faults = [fault for _, some in ends for fault in some]
        if not 1 <= statuses.count(0) <= (1 if verb.one_wins else 2):
            faults.append(f"winners: statuses {statuses}")
        return faults + self._at_the_end(folder, expected, f"statuses {statuses}")

    def _at_the_end(self, folder: Path, expected: Content, statuses: str) -> list[str]:
        found = content(folder)
        other = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
        faults = [f"half-written: {', '.join(other[:4])} not as they should be, {statuses}"] if other else []
        return faults + [f"leftover: {file} at the end, {statuses}" for file in leftovers(folder)]

    def _mutated(self, number: int, kind: str, rng: random.Random) -> Try:
        words = rng.choice(READERS[kind])
        folder = self.place(f"try-{number}", ("run",) if kind == "state" else ("people", "own"))
        data = folder / ("own" if "own" in words else "people")
        patterns = {"pictures": ["**/*.jpg"], "lists": ["exp/*.txt"], "galleries": ["exp/*.mat"]}
        if kind == "state":
            files = [file for file in sorted((folder / "run").rglob("*")) if file.is_file()]
        elif kind == "lists" and data.name == "own":
            files = []
            for place, name in enumerate(("train_id.txt", "val_id.txt", "test_id.txt")):
                people = sorted(person.name for person in (data / "visible").iterdir())[place::3]
                (data / name).write_text("".join(f"{person}\n" for person in people))
                files.append(data / name)
        else:
            files = sorted(file for pattern in patterns[kind] for file in data.glob(pattern))
        for file in rng.sample(files, min(len(files), rng.choice((1, 1, 1, 3)))):
            if file.suffix in (".json", ".jsonl") and rng.random() < 0.7:
                mutate_json(file, rng)
            else:
                mutate_bytes(file, rng)
        _, faults = Process(words, folder).end()
        if words[0] != "prepare":  # which keeps its arrays, to continue when the picture is replaced
            faults += [f"leftover: {file}" for file in leftovers(folder)]
        return Try(number, kind, words[0], faults)


def print_table(tries: Sequence[Try]) -> None:
    """Print how often what was tried, and the faults."""
    counts, faults = Counter(one.kind for one in tries), defaultdict[str, Counter[str]](Counter)
    for one in tries:
        faults[one.kind].update({fault.partition(":")[0] for fault in one.faults})
    print("| tried | times | with a fault | faults |\n|---|---|---|---|")
    for kind, count in counts.most_common():
        failed = sum(bool(one.faults) for one in tries if one.kind == kind)
        told = ", ".join(f"{name} {times}" for name, times in faults[kind].most_common()) or "–"
        print(f"| {kind} | {count} | {failed} | {told} |")
    print(f"| all | {len(tries)} | {sum(bool(one.faults) for one in tries)} | |")
    verbs = Counter(one.verb for one in tries)
    print("\nVerbs: " + ", ".join(f"{verb} {times}" for verb, times in verbs.most_common()) + ".")
    for one in tries:
        for fault in one.faults:
            print(f"- try {one.number}, {one.kind} {one.verb}: {fault}")


def main() -> int:
    """Attack, or print the table of a log."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="number of the first try")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbs", nargs="+", choices=VERBS, default=[*VERBS], help="which to kill, terminate and race")
    parser.add_argument("--log", type=Path, help="append each try as a line of JSON")
    parser.add_argument("--table", type=Path, help="print the table of a log, and attack nothing")
    parser.add_argument("--keep", type=Path, help="a new folder to work in; that of a try with a fault is kept")
    given = parser.parse_args()
    if given.table:
        print_table([Try(**json.loads(line)) for line in given.table.read_text().splitlines()])
        return 0
    exporting = ("onnx", "onnxruntime", "onnxscript", "torch.onnx")
    for module in ("mvd.training.engine", "mvd.commands.weights.export", *exporting):
        __import__(module)
    folder = given.keep or Path(tempfile.mkdtemp(prefix="mvd-attacks-"))
    folder.mkdir(exist_ok=True)
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder / "torch")  # PyTorch's own, which stays
    attacks, tries = Attacks(folder.resolve(), given.seed, given.verbs), []
    for number in range(given.first, given.first + given.tries):
        tries.append(attacks.attack(number))
        if given.log:
            with given.log.open("a") as log:
                log.write(json.dumps(asdict(tries[-1])) + "\n")
        for fault in tries[-1].faults:
            print(f"try {number}, {tries[-1].kind} {tries[-1].verb}: {fault}", file=sys.stderr, flush=True)
    print_table(tries)
    if given.keep is None:
        shutil.rmtree(folder)
    return int(any(one.faults for one in tries))


if __name__ == "__main__":
    sys.exit(main())
