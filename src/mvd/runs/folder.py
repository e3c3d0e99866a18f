"""The run folder: everything that a training run writes, and everything needed to resume it.

    config.json                         the configuration that the run was started with
    changes.json                        changes of settings when the run was resumed
    data.json                           data set, prepared arrays and training identities
    metrics.jsonl                       one JSON object a line: a log step, a validation or a change
    checkpoints/last.safetensors        weights and optimizer, to resume from
    checkpoints/previous.safetensors    the checkpoint before it, used if the last is damaged
    checkpoints/best.safetensors        only weights, the best on the validation identities

Reading a run needs no framework. `creation` creates the folder, `recovery` restores it to its last checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

from mvd.config import RunConfig, from_json
from mvd.config.files import structure
from mvd.errors import BusyError, CheckpointError, RunError
from mvd.files.appending import append
from mvd.files.atomic import flush, write_atomically, write_json, writing
from mvd.files.locks import folder_locked
from mvd.files.names import shell_words
from mvd.files.strict_json import parse_json
from mvd.runs.beside import run_path_of
from mvd.runs.card import UNKNOWN, Card
from mvd.runs.changes import Change, configurations, describe_history, parse_changes
from mvd.runs.checkpoints import CheckpointMeta, Tensors, read_card, read_meta, read_metadata, write_checkpoint
from mvd.runs.data import RunData, describe_other, make_card
from mvd.runs.evaluations import read_evaluation, tested_figures
from mvd.runs.log import parse_log, read_text
from mvd.runs.mistaken import describe_model_folder, describe_no_run

CheckpointName = Literal["last", "previous", "best"]


@dataclass(frozen=True)
class RunFolder:
    """A run folder; the module's docstring lists its files."""

    path: Path

    @property
    def config(self) -> RunConfig:
        """The configuration of the run, including the changes since it was started."""
        return configurations(self.first_config, self.changes)[-1]

    @property
    def first_config(self) -> RunConfig:
        """The configuration that the run was started with."""
        file = self.path / "config.json"
        return from_json(read_text(file), str(file))

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes of the configuration since the run was started."""
        file = self.path / "changes.json"
        try:
            return parse_changes(read_text(file)) if file.exists() else ()
        except ValueError as error:
            raise RunError(f"{file}: expected changes of settings, found something else ({error})") from error

    @property
    def history(self) -> tuple[str, ...]:
        """The changes, one line each, such as "step 40: optimizer.lr 0.00035 → 0.0001"."""
        return describe_history(self.first_config, self.changes)

    def change(self, step: int, epoch: int, changes: Mapping[str, Any]) -> None:
        """Record a change of settings from a step on.

        Raises:
            RunError: the record cannot be written.
        """
        change = Change(step=step, epoch=epoch, changes=dict(changes))
        self._write_changes((*self.changes, change))
        self.log(asdict(change))

    def _write_changes(self, changes: Sequence[Change]) -> None:
        write_json(self.path / "changes.json", [asdict(change) for change in changes])

    @property
    def data(self) -> RunData:
        """The training data of the run."""
        file = self.path / "data.json"
        try:
            return structure(parse_json(read_text(file)), RunData, "data")
        except ValueError as error:
            raise RunError(f"{file}: expected what the run was trained on, found something else ({error})") from error

    def move_data(self, data: RunData) -> None:
        """Record the new path of a data set that has moved.

        Raises:
            RunError: the record cannot be written.
        """
        write_json(self.path / "data.json", asdict(data))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the run against other processes; the lock is released when this process ends, even if it is killed.

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
        """The best checkpoint, or the last if there is no best.

        Raises:
            RunError: there is neither, or the checkpoint belongs to another run.
        """
        for name in ("best", "last"):
            if (file := self.checkpoint(name)).exists():
                return self.require_own(file)
        raise RunError(
            f"{self.path}: expected a checkpoint in it, found none; the run was stopped before its first: continue "
            f"it with: mvd train --resume {shell_words(self.path)}"
        )

    def own_checkpoint(self, name: Literal["best", "last"]) -> Path:
        """Return the best checkpoint, or the last if there is no best; or the last, whether or not it exists.

        Raises:
            RunError: there is no best and no last, or the file belongs to another run.
        """
        return self.best_checkpoint if name == "best" else self.require_own(self.checkpoint(name))

    def require_own(self, file: Path) -> Path:
        """Return a checkpoint in the folder after checking that it has this run's configuration and people.

        Settings of the runtime may differ. A file with neither of them, or an unreadable file, is not checked here.

        Raises:
            RunError: the checkpoint belongs to another run.
        """
        configs = configurations(self.first_config, self.changes)
        if other := describe_other(read_metadata(file), self.data, configs):
            raise RunError(
                f"{file}: expected a checkpoint of this run, found one of another: {other}; put this run's own in its "
                f"place, or remove it; to go on from its weights: mvd train DATA --pretrained "
                f"{shell_words(file)} --out NEW"
            )
        return file

    def log(self, record: Mapping[str, Any]) -> None:
        """Append one line to metrics.jsonl.

        Raises:
            RunError: the line cannot be written; the file is as before.
        """
        file = self.path / "metrics.jsonl"
        with writing(file, self._go_on):
            append(file, json.dumps(record, allow_nan=False) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """Read metrics.jsonl; an incomplete last line is ignored.

        Raises:
            RunError: another line is damaged.
        """
        return [record for _, record in self._log_lines()]

    def rewind(self, step: int) -> None:
        """Go back to a step: remove the later log lines, which are written again; later changes apply from this step.

        Raises:
            RunError: a line is damaged, or the file cannot be written.
        """
        changes = self.changes
        if any(change.step > step for change in changes):
            changes = tuple(replace(change, step=min(change.step, step)) for change in changes)
            self._write_changes(changes)
        kept = [
            (record["step"], line)
            for line, record in self._log_lines()
            if record["step"] <= step and "changes" not in record
        ]
        # From changes.json, so that a kill between the two files does no harm.
        kept += [(change.step, json.dumps(asdict(change))) for change in changes]
        file = self.path / "metrics.jsonl"
        with writing(file, self._go_on):
            write_atomically(file, "".join(f"{line}\n" for _, line in sorted(kept, key=itemgetter(0))))

    def save_checkpoint(self, name: CheckpointName, tensors: Tensors, meta: CheckpointMeta) -> None:
        """Write a checkpoint atomically; the old last checkpoint becomes the previous one.

        Raises:
            RunError: the file cannot be written; the old checkpoint is unchanged.
        """
        metrics = self.path / "metrics.jsonl"
        with writing(metrics, self._go_on):
            if metrics.exists():
                flush(metrics)  # a checkpoint implies the lines up to its step
        write_checkpoint(
            self.checkpoint(name),
            tensors,
            meta,
            config=self.config,
            card=self.card(meta),
            people=self.data.identity,
            remedy=self._go_on,
            previous=self.checkpoint("previous") if name == "last" else None,
        )

    @property
    def _go_on(self) -> str:
        return f"then continue with: mvd train --resume {shell_words(self.path)}"

    def card(self, meta: CheckpointMeta) -> Card:
        """Build the model card of a checkpoint of this run, with its validation figures."""
        start = self.first_config
        earlier = [change for change in self.changes if change.step < meta.step]
        return make_card(self.config, self.data, meta, describe_history(start, earlier))

    def card_with_tests(self, checkpoint: Path) -> Card:
        """Build the model card of a checkpoint, with the test figures that `mvd evaluate` wrote for the same step.

        Raises:
            CheckpointError: the checkpoint cannot be read.
        """
        meta = read_meta(checkpoint)
        card = read_card(checkpoint) or replace(self.card(meta), version=UNKNOWN, commit=None)
        names: tuple[Literal["best", "last"], ...] = ("best", "last")
        for weights in names:
            if tested := tested_figures(self.evaluation(weights), checkpoint, meta.step):
                return replace(card, figures=(*card.figures, *tested))
        return card

    def evaluation(self, weights: Literal["best", "last"]) -> dict[str, Any] | None:
        """Read the results of `mvd evaluate` on the run's own data set; None if there are none.

        Raises:
            RunError: the file cannot be read.
        """
        return read_evaluation(self.path / f"evaluation-{weights}.json", self.data.root)

    def _log_lines(self) -> list[tuple[str, dict[str, Any]]]:
        file = self.path / "metrics.jsonl"
        return parse_log(read_text(file), file) if file.exists() else []


def read_trained_on(file: Path) -> RunData | None:
    """Read the description of the training data of a weights file; None if it is unknown.

    Args:
        file: a checkpoint in a run folder, or a file with "data" in its metadata.

    Raises:
        CheckpointError: the file cannot be read.
        RunError: the file is in the folder of another run.
    """
    if (path := run_path_of(file)) is not None:
        run = RunFolder(path)
        run.require_own(file)
        return run.data
    text = read_metadata(file).get("data")
    try:
        return None if text is None else structure(parse_json(text), RunData, "data")
    except ValueError as error:
        raise CheckpointError(
            f"{file}: expected to read in it what its weights were trained on, found something else ({error}); take "
            f"the file that mvd wrote"
        ) from error


def open_run(path: Path) -> RunFolder:
    """Open a run folder.

    Raises:
        RunError: the folder is not a run folder.
    """
    if not (path / "config.json").is_file():
        raise RunError(f"{path}: expected a run folder with config.json, found {describe_no_run(path)}")
    if (path / "model.safetensors").is_file() and not (path / "data.json").is_file():
        raise RunError(f"{path}: expected a run folder with data.json, found {describe_model_folder(path)}")
    return RunFolder(path)
