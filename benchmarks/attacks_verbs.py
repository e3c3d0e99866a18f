"""Commands of `attacks.py`, on a data set and with a network so small that each takes a second."""

from __future__ import annotations

from dataclasses import dataclass

SIZE = ("--height=32", "--width=16")
NETWORK = (
    "--data.height=32", "--data.width=16", "--model.arch=resnet18", "--model.base-width=2", "--model.z-dim=8",
    "--model.bottleneck-widths", "8", "8", "--model.classifier-width=8", "--runtime.device=cpu",
)  # fmt: skip
TINY = (
    *NETWORK, "--sampling.identities=2", "--sampling.pictures=2", "--sampling.steps-per-epoch=4", "--augment.pad=1",
    "--schedule.epochs=2", "--runtime.validate-every=1", "--runtime.log-every=1", "--runtime.checkpoint-minutes=0",
    "--runtime.threads=1", "--evaluate=none",
)  # fmt: skip


@dataclass(frozen=True)
class Verb:
    """A command to attack.

    Attributes:
        arguments: of `mvd`; BASE in them is the folder of what is shared and only read.
        copies: names in BASE that are copied into the folder of the try before.
        again: arguments of the command that goes on, where it is another.
        one_wins: of two at once, one has to be refused.
        keeps_parts: after SIGTERM there may be temporary files, from which the next command goes on.
    """

    arguments: tuple[str, ...]
    copies: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    one_wins: bool = False
    keeps_parts: bool = False


VERBS = {
    "synth": Verb(
        ("synth", "new", "--train=2", "--validation=0", "--test=2", "--pictures=1", "--height=64", "--workers=2"),
        one_wins=True,
    ),
    "split": Verb(("split", "own"), ("own",), one_wins=True),
    "prepare": Verb(("prepare", "people", *SIZE, "--workers=2"), ("people",), keeps_parts=True),
    "train": Verb(
        ("train", "BASE/prepared", "--out=run", *TINY),
        again=("train", "--resume=run", "--evaluate=none"),
        one_wins=True,
    ),
    "resume": Verb(("train", "--resume=run", "--schedule.epochs=4", "--evaluate=none"), ("run",)),
    "evaluate": Verb(("evaluate", "run"), ("run",)),
    "export": Verb(("export", "run", "--measure=some"), ("run",)),
    "convert": Verb(("convert", "BASE/w.safetensors", "w.pth", "--to=pytorch")),
    "import": Verb(("import", "BASE/w.safetensors", "imported", "BASE/prepared", *NETWORK), one_wins=True),
    "push": Verb(("push", "BASE/run", "model", "--local")),
    "embed": Verb(("embed", "rendered", "people", "--out=vectors.npz"), ("people",), keeps_parts=True),
    "calibrate": Verb(("calibrate", "run", "people"), ("run", "people")),
}
OFTEN = {"export": 1, "synth": 2}  # others 3: they take less time
READERS = {
    "pictures": (("check", "people"), ("prepare", "people", *SIZE, "--workers=1")),
    "lists": (("check", "people"), ("prepare", "people", *SIZE, "--workers=1"), ("check", "own"), ("split", "own")),
    "galleries": (("check", "people"),),
    "state": (
        ("runs", "."), ("show", "run"), ("evaluate", "run"), ("export", "run", "--measure=some"),
        ("train", "--resume=run", "--schedule.epochs=3", "--evaluate=none"), ("push", "run", "model", "--local"),
    ),
}  # fmt: skip
