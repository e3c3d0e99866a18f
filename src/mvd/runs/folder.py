"""The run folder: what a training run leaves behind, and all that is needed to go on with it.

    config.json                     the configuration, whole
    data.json                       where the pictures were and whom the run was trained on
    metrics.jsonl                   one JSON object a line: a log step or a validation
    checkpoints/last.safetensors    weights and optimiser, as of the last validation
    checkpoints/best.safetensors    weights alone, best on the validation identities

No framework is needed to read a run.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from mvd.config import RunConfig, from_json, to_json
from mvd.errors import RunError
from mvd.runs.card import UNKNOWN, Card, CardFigures, source_commit
from mvd.runs.checkpoints import CheckpointMeta, Tensors, read_card, read_meta, write_checkpoint
from mvd.runs.files import write_atomically

CheckpointName = Literal["last", "best"]


@dataclass(frozen=True, kw_only=True)
class RunData:
    """What a run was trained on.

    Attributes:
        root: the data set's folder, or the table of one's own pictures.
        prepared: the folder of the prepared arrays.
        dataset: the data set's name, such as "sysu".
        identities: the identity of each class, in the order of the classes.
        trial: RegDB's split; None elsewhere.
        pretrained: the file of the weights that it started from; None if they started from the seed.
        recipe: a recipe's name, or "custom, from" the nearest one's; None if nobody has said.
        validation: the protocol that validation figures are of; None without validation.
        source: the file of a network trained elsewhere that this run is made of; None for a run of ours.
    """

    root: str
    prepared: str
    dataset: str
    identities: tuple[int, ...]
    trial: int | None = None
    pretrained: str | None = None
    recipe: str | None = None
    validation: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class RunFolder:
    """A run folder that exists; see the file's head for what is in it."""

    path: Path

    @property
    def config(self) -> RunConfig:
        """The configuration that the run was started with."""
        file = self.path / "config.json"
        return from_json(_read(file), str(file))

    @property
    def data(self) -> RunData:
        """What the run was trained on."""
        file = self.path / "data.json"
        try:
            fields = json.loads(_read(file))
            return RunData(**{**fields, "identities": tuple(fields["identities"])})
        except (json.JSONDecodeError, TypeError, KeyError) as error:
            raise RunError(f"{file}: expected what the run was trained on, found something else ({error})") from error

    def checkpoint(self, name: CheckpointName) -> Path:
        """Name the file of a checkpoint, whether or not it exists."""
        return self.path / "checkpoints" / f"{name}.safetensors"

    @property
    def best_checkpoint(self) -> Path:
        """The best checkpoint where there is one, else the last.

        Raises:
            RunError: there is neither.
        """
        for name in ("best", "last"):
            if (file := self.checkpoint(name)).exists():
                return file
        raise RunError(
            f"{self.path}: expected a checkpoint in it, found none; the run was stopped before its first validation: "
            f"train it again with --replace"
        )

    def log(self, record: Mapping[str, Any]) -> None:
        """Append one line to metrics.jsonl."""
        with self.path.joinpath("metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, allow_nan=False) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """Read metrics.jsonl; a last line that was cut off is left out."""
        file = self.path / "metrics.jsonl"
        lines = _read(file).split("\n") if file.exists() else []
        return [json.loads(line) for line in lines[:-1]]

    def rewind_metrics(self, step: int) -> None:
        """Drop the lines after a step, which a resumed run is about to write again."""
        kept = [json.dumps(record) for record in self.metrics() if record["step"] <= step]
        write_atomically(self.path / "metrics.jsonl", "".join(line + "\n" for line in kept))

    def save_checkpoint(self, name: CheckpointName, tensors: Tensors, meta: CheckpointMeta) -> None:
        """Write a checkpoint, whole or not at all.

        Raises:
            RunError: it cannot be written; the one before is untouched.
        """
        write_checkpoint(
            self.checkpoint(name),
            tensors,
            meta,
            config=self.config,
            card=self.card(meta),
            # safetensors makes files that their owner alone can read.
            like=self.path / "config.json",
            remedy=f"free space, then go on with: mvd train --resume {self.path}",
        )

    def card(self, meta: CheckpointMeta) -> Card:
        """Make the model card of a checkpoint of this run: figures are those of its validation."""
        data, config = self.data, self.config
        validated = CardFigures(protocol=data.validation or UNKNOWN, people="validation", values=dict(meta.metrics))
        return Card(
            recipe=data.recipe or UNKNOWN,
            dataset=f"{data.dataset} ({Path(data.root).name})",
            split=config.data.train_on if data.source is None else UNKNOWN,
            trial=data.trial,
            people=len(data.identities),
            seed=config.seed if data.source is None else None,
            pretrained=data.pretrained and Path(data.pretrained).name,
            step=meta.step,
            epoch=meta.epoch,
            figures=(validated,) if meta.metrics else (),
            commit=source_commit(),
            source=data.source and Path(data.source).name,
        )

    def card_with_tests(self, checkpoint: Path) -> Card:
        """Make the model card of a checkpoint with the test figures that `mvd evaluate` left of the same step.

        Raises:
            CheckpointError: the checkpoint cannot be read.
        """
        meta = read_meta(checkpoint)
        # A checkpoint without one is of an earlier version.
        card = read_card(checkpoint) or replace(self.card(meta), version=UNKNOWN, commit=None)
        for weights in ("best", "last"):
            if tested := self._tested(self.path / f"evaluation-{weights}.json", checkpoint, meta.step):
                return replace(card, figures=(*card.figures, *tested))
        return card

    def _tested(self, file: Path, checkpoint: Path, step: int) -> list[CardFigures]:
        """Take the figures of a checkpoint from an evaluation's file; none where it is of other weights."""
        try:
            record = json.loads(_read(file)) if file.exists() else {}
            if Path(record.get("weights", "")).name != checkpoint.name or record.get("step") != step:
                return []
            return [
                CardFigures(
                    protocol=result["protocol"],
                    people="test",
                    ranking=result["ranking"],
                    values={name.replace("_", "-"): float(value) for name, value in result["mean"].items()},
                )
                for result in record["results"]
            ]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RunError(f"{file}: expected what mvd evaluate writes, found something else ({error})") from error


def create_run(path: Path, config: RunConfig, data: RunData, *, replace: bool) -> RunFolder:
    """Make a run folder.

    Args:
        path: the folder, which must not exist, or be empty, unless `replace`.
        config: written to it.
        data: written to it.
        replace: delete a run that is there; anything else is never deleted.

    Raises:
        RunError: the folder is taken, or cannot be made.
    """
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        if not (path / "config.json").is_file():
            raise RunError(f"{path}: expected a new folder for the run, found something else; choose another --out")
        if not replace:
            raise RunError(
                f"{path}: expected a new folder for the run, found a run; go on with it: mvd train --resume {path}, "
                f"or start afresh: --replace, or choose another --out"
            )
    try:
        if replace and path.exists():
            shutil.rmtree(path)
        path.mkdir(parents=True, exist_ok=True)
        write_atomically(path / "data.json", json.dumps(asdict(data), indent=2) + "\n")
        write_atomically(path / "config.json", to_json(config))
    except OSError as error:
        raise RunError(
            f"{path}: expected a folder to write the run to, could not make it ({error.strerror or error}); "
            f"choose another --out"
        ) from error
    return RunFolder(path)


def open_run(path: Path) -> RunFolder:
    """Open a run folder.

    Raises:
        RunError: it is none.
    """
    if not (path / "config.json").is_file():
        raise RunError(f"{path}: expected a run folder with config.json, found none; check the path")
    return RunFolder(path)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{file}: expected a file of a run, could not read it ({error})") from error
