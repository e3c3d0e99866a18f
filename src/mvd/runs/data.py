"""Description of a run's training data, and the model card built from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mvd.config import RunConfig, from_json
from mvd.config.compare import config_fields, differing
from mvd.errors import ConfigError, some
from mvd.runs.card import UNKNOWN, Card, CardFigures, source_commit
from mvd.runs.checkpoints import CheckpointMeta


@dataclass(frozen=True, kw_only=True)
class RunData:
    """The training data of a run.

    Attributes:
        root: folder of the data set, or table of own pictures.
        prepared: folder of the prepared arrays.
        dataset: name of the data set, such as "sysu".
        identities: identity of each class, in the order of the classes.
        trial: RegDB's split; None elsewhere.
        pretrained: file of the initial weights; None if training started from the seed.
        pictures: fingerprint of the training pictures; None if unknown.
        recipe: a recipe's name, or "custom, from" the nearest one's; None if unknown.
        validation: protocol of the validation figures; None without validation.
        source: weights file of an imported run; None for a trained run.
        people: names of the training identities, or their numbers as text; empty if unknown.
        marks: hashes of one picture of each training identity in each modality, which identify people under any name.
        fingerprint: fingerprint of the data set (`mvd.data.identity`); None if unknown.
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

    def public(self, card: Card) -> RunData:
        """Return a copy for exported files, without paths and names; people are identified by their marks only."""
        return replace(self, root="", prepared="", people=(), pretrained=card.pretrained, source=card.source)

    @property
    def identity(self) -> str:
        """Hash of the training people and pictures; it does not change if the data set is moved."""
        known = [self.dataset, self.trial, self.identities, self.pictures]
        return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]


def describe_other(metadata: Mapping[str, str], data: RunData, configs: Sequence[RunConfig]) -> str | None:
    """Describe how the run of a checkpoint differs from another run; None if no difference is known.

    Args:
        metadata: metadata of the checkpoint.
        data: training data of the other run.
        configs: configurations of the other run in order, the present one last. Runtimes may differ.
    """
    if metadata.get("people", data.identity) != data.identity:
        return "trained on other people or pictures"
    try:
        config = from_json(metadata["config"], "")
    except (KeyError, ConfigError):  # the reader of the checkpoint reports the error
        return None
    had = [replace(one, runtime=config.runtime) for one in configs]
    if config in had:
        return None
    found, own = config_fields(config), config_fields(had[-1])
    return some([f"{name} {found.get(name)} instead of {own.get(name)}" for name in differing([own, found])], 3)


def make_card(config: RunConfig, data: RunData, meta: CheckpointMeta, changes: Sequence[str] = ()) -> Card:
    """Build the model card of a checkpoint, with its validation figures.

    Args:
        config: configuration of the run when the checkpoint was written.
        data: training data of the run.
        meta: metadata of the checkpoint.
        changes: changes of the configuration since the run was started, one line each.
    """
    validated = CardFigures(protocol=data.validation or UNKNOWN, people="validation", values=dict(meta.metrics))
    return Card(
        recipe=data.recipe or UNKNOWN,
        dataset=f"{data.dataset} ({Path(data.root).name})",
        split=config.data.train_on if data.source is None else UNKNOWN,
        trial=data.trial,
        people=len(data.identities),
        seed=config.seed if data.source is None else None,
        pretrained=data.pretrained and _name_weights(Path(data.pretrained)),
        step=meta.step,
        epoch=meta.epoch,
        figures=(validated,) if meta.metrics else (),
        commit=source_commit(),
        source=data.source and Path(data.source).name,
        changes=tuple(changes),
    )


def _name_weights(file: Path) -> str:
    """Return the name of a weights file; the name of a checkpoint includes its run, since all runs use the same."""
    return f"{file.parent.parent.name}/{file.name}" if file.parent.name == "checkpoints" else file.name
