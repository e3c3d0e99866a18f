"""The run folder: everything that a training run writes, and all that is needed to resume it.

    config.json                         the configuration
    data.json                           data set, prepared arrays and training identities
    metrics.jsonl                       one JSON object a line: a log step or a validation
    checkpoints/last.safetensors        weights and optimizer, to resume from
    checkpoints/previous.safetensors    the one before it, used if the last is damaged
    checkpoints/best.safetensors        weights alone, best on the validation identities

Reading a run needs no framework. `creation` makes the folder, `recovery` restores it to its last checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from mvd.config import RunConfig, from_json
from mvd.config.files import structure
from mvd.errors import BusyError, CheckpointError, RunError
from mvd.files.atomic import cannot_write, flush, no_links, write_atomically, write_json
from mvd.files.locks import folder_locked
from mvd.files.regular import require_regular
from mvd.files.strict_json import parse_json
from mvd.runs.card import UNKNOWN, Card, CardFigures, source_commit
from mvd.runs.checkpoints import CheckpointMeta, Tensors, read_card, read_meta, read_metadata, write_checkpoint

CheckpointName = Literal["last", "previous", "best"]


@dataclass(frozen=True, kw_only=True)
class RunData:
    """What a run was trained on.

    Attributes:
        root: the data set's folder, or the table of one's own pictures.
        prepared: the folder of the prepared arrays.
        dataset: the data set's name, such as "sysu".
        identities: the identity of each class, in the order of the classes.
        trial: RegDB's split; None elsewhere.
        pretrained: the weights file that it started from; None if it started from the seed.
        pictures: the fingerprint of the training pictures; None if it is not known.
        recipe: a recipe's name, or "custom, from" the nearest one's; None if it is not known.
        validation: the protocol of the validation figures; None without validation.
        source: the weights file that an imported run was made from; None for a trained run.
        people: the names of the training identities, or their numbers as text; empty if they are not known.
        marks: hashes of a picture of each training identity in each modality, by which they are known under any name.
        fingerprint: of the data set (`mvd.data.identity`); None if it is not known.
    """

    root: str
    prepared: str
    dataset: str
    identities: tuple[int, ...]
    trial: int | None = None
    pretrained: str | None = None
    pictures: str | None = None
    recipe: str | None = None
    validation: str | None = None
    source: str | None = None
    people: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    fingerprint: str | None = None

    def __post_init__(self) -> None:
        for name in ("identities", "people", "marks"):  # lists in JSON
            object.__setattr__(self, name, tuple(getattr(self, name)))


@dataclass(frozen=True)
class RunFolder:
    """A run folder; the module's docstring lists what is in it."""

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
            return structure(parse_json(_read(file)), RunData, "data")
        except ValueError as error:
            raise RunError(f"{file}: expected what the run was trained on, found something else ({error})") from error

    def move_data(self, data: RunData) -> None:
        """Record that the data set has moved.

        Raises:
            RunError: it cannot be written.
        """
        write_json(self.path / "data.json", asdict(data))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the run against other processes; the lock ends with this process, however it ends.

        Raises:
            RunError: another process works on it.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(folder_locked(self.path))
            except BusyError as error:
                raise RunError(
                    f"{self.path}: expected no other process at work on this run, found one; wait until it ends or "
                    f"stop it"
                ) from error
            except OSError as error:
                raise RunError(f"{self.path}: expected a run folder, could not open it ({error.strerror})") from error
            yield

    def checkpoint(self, name: CheckpointName) -> Path:
        """Return the file of a checkpoint, whether or not it exists."""
        return self.path / "checkpoints" / f"{name}.safetensors"

    @property
    def best_checkpoint(self) -> Path:
        """The best checkpoint if there is one, else the last.

        Raises:
            RunError: there is neither.
        """
        for name in ("best", "last"):
            if (file := self.checkpoint(name)).exists():
                return file
        raise RunError(
            f"{self.path}: expected a checkpoint in it, found none; the run was stopped before its first: continue "
            f"it with: mvd train --resume {self.path}"
        )

    def log(self, record: Mapping[str, Any]) -> None:
        """Append one line to metrics.jsonl.

        Raises:
            RunError: it cannot be written.
        """
        file = self.path / "metrics.jsonl"
        try:
            with open(file, "a", encoding="utf-8", opener=no_links) as lines:
                lines.write(json.dumps(record, allow_nan=False) + "\n")
        except OSError as error:
            raise cannot_write(file, error, self._go_on) from error

    def metrics(self) -> list[dict[str, Any]]:
        """Read metrics.jsonl; an incomplete last line is ignored.

        Raises:
            RunError: another line is damaged.
        """
        return [record for _, record in self._metric_lines()]

    def rewind_metrics(self, step: int) -> None:
        """Remove the lines after a step, which a resumed run writes again.

        Raises:
            RunError: a line is damaged, or the file cannot be written.
        """
        kept = [line for line, record in self._metric_lines() if record["step"] <= step]
        file = self.path / "metrics.jsonl"
        try:
            write_atomically(file, "".join(line + "\n" for line in kept))
        except OSError as error:
            raise cannot_write(file, error, self._go_on) from error

    def save_checkpoint(self, name: CheckpointName, tensors: Tensors, meta: CheckpointMeta) -> None:
        """Write a checkpoint atomically; the old last checkpoint becomes the previous one.

        Raises:
            RunError: it cannot be written; the old checkpoint is unchanged.
        """
        metrics = self.path / "metrics.jsonl"
        try:
            if metrics.exists():
                flush(metrics)  # a checkpoint implies the lines up to its step
        except OSError as error:
            raise cannot_write(metrics, error, self._go_on) from error
        write_checkpoint(
            self.checkpoint(name),
            tensors,
            meta,
            config=self.config,
            card=self.card(meta),
            remedy=self._go_on,
            previous=self.checkpoint("previous") if name == "last" else None,
        )

    @property
    def _go_on(self) -> str:
        return f"then continue with: mvd train --resume {self.path}"

    def card(self, meta: CheckpointMeta) -> Card:
        """Build the model card of a checkpoint of this run, with its validation figures."""
        return make_card(self.config, self.data, meta)

    def card_with_tests(self, checkpoint: Path) -> Card:
        """Build the model card of a checkpoint, with the test figures that `mvd evaluate` wrote for the same step.

        Raises:
            CheckpointError: the checkpoint cannot be read.
        """
        meta = read_meta(checkpoint)
        card = read_card(checkpoint) or replace(self.card(meta), version=UNKNOWN, commit=None)
        names: tuple[Literal["best", "last"], ...] = ("best", "last")
        for weights in names:
            if tested := self._tested(weights, checkpoint, meta.step):
                return replace(card, figures=(*card.figures, *tested))
        return card

    def evaluation(self, weights: Literal["best", "last"]) -> dict[str, Any] | None:
        """Read what `mvd evaluate` wrote of the run's own data set; None if there is nothing.

        Raises:
            RunError: the file cannot be read.
        """
        file = self.path / f"evaluation-{weights}.json"
        try:
            record = parse_json(_read(file)) if file.exists() else None
            if record is None:
                return None
            # Files of 0.1.0 may hold the figures of any data set.
            own = record.get("own", record.get("data", self.data.root) == self.data.root)
        except (ValueError, AttributeError) as error:
            raise RunError(f"{file}: expected what mvd evaluate writes, found something else ({error})") from error
        return record if own else None

    def _tested(self, weights: Literal["best", "last"], checkpoint: Path, step: int) -> list[CardFigures]:
        """Take the figures of a checkpoint from an evaluation; none if it evaluated other weights."""
        record = self.evaluation(weights)
        try:
            if record is None or Path(record.get("weights", "")).name != checkpoint.name or record.get("step") != step:
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
            file = self.path / f"evaluation-{weights}.json"
            raise RunError(f"{file}: expected what mvd evaluate writes, found something else ({error})") from error

    def _metric_lines(self) -> list[tuple[str, dict[str, Any]]]:
        file = self.path / "metrics.jsonl"
        lines = _read(file).split("\n")[:-1] if file.exists() else []
        found = []
        for number, line in enumerate(lines, start=1):
            try:
                record = parse_json(line)
            except ValueError as error:
                if number == len(lines):
                    break
                raise _wrong_line(file, number, error) from error
            try:
                _require_record(record)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise _wrong_line(file, number, error) from error
            found.append((line, record))
        return found


def read_trained_on(file: Path) -> RunData | None:
    """Read what the weights in a file were trained on; None if it is not known.

    Args:
        file: a checkpoint in a run folder, or a file with "data" in its metadata.

    Raises:
        CheckpointError: it cannot be read.
    """
    folder = file.parent.parent
    if file.parent.name == "checkpoints" and (folder / "config.json").is_file():
        return RunFolder(folder).data
    text = read_metadata(file).get("data")
    try:
        return None if text is None else structure(parse_json(text), RunData, "data")
    except ValueError as error:
        raise CheckpointError(
            f"{file}: expected to read in it what its weights were trained on, found something else ({error}); take "
            f"the file that mvd wrote"
        ) from error


def make_card(config: RunConfig, data: RunData, meta: CheckpointMeta) -> Card:
    """Build the model card of a checkpoint, with its validation figures."""
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


def open_run(path: Path) -> RunFolder:
    """Open a run folder.

    Raises:
        RunError: the folder is not one.
    """
    if not (path / "config.json").is_file():
        raise RunError(f"{path}: expected a run folder with config.json, found none; check the path")
    return RunFolder(path)


def _require_record(record: Any) -> None:
    """Refuse a line of metrics.jsonl whose figures are no numbers; one of the errors that mean a wrong type."""
    steps = [record["step"], record.get("epoch", 0)]
    figures = [*record.get("losses", {}).values(), *record.get("memory", {}).values()]
    if "losses" in record:
        steps.append(record["epoch"])
        figures += [record["accuracy"], record["pictures_per_second"]]
    if "validation" in record:
        steps.append(record["epoch"])
        figures += [record["validation"]["mAP"], *record["validation"].values()]
    if any(type(step) is not int or step < 0 for step in steps) or not all(type(n) in (int, float) for n in figures):
        raise ValueError("a figure that is no number")


def _wrong_line(file: Path, number: int, error: Exception) -> RunError:
    return RunError(f"{file}: expected a JSON object in line {number}, found something else ({error}); remove the line")


def _read(file: Path) -> str:
    try:
        require_regular(file)
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{file}: expected a file of a run, could not read it ({error})") from error
