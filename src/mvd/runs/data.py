"""What a run was trained on, and the model card that says so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mvd.config import RunConfig, from_json
from mvd.config.compare import config_fields, differing
from mvd.errors import ConfigError
from mvd.runs.card import UNKNOWN, Card, CardFigures, source_commit
from mvd.runs.checkpoints import CheckpointMeta


@dataclass(frozen=True, kw_only=True)
class RunData:
    """What a run was trained on.

    Attributes:
        root: the data set's folder, or the table of own pictures.
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

    def public(self, card: Card) -> RunData:
        """Return it as a file that leaves the run has it: people are known by their marks; no path, no name."""
        return replace(self, root="", prepared="", people=(), pretrained=card.pretrained, source=card.source)

    @property
    def identity(self) -> str:
        """A hash of the people and pictures that the run is trained on, which stays where the data move."""
        known = [self.dataset, self.trial, self.identities, self.pictures]
        return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]


def describe_other(metadata: Mapping[str, str], data: RunData, configs: Sequence[RunConfig]) -> str | None:
    """Tell in what the run of a checkpoint differs from another run; None if it is not known to.

    Args:
        metadata: of the checkpoint.
        data: what the other run was trained on.
        configs: the configurations that the other run has had, the present one last. Runtimes may differ.
    """
    if metadata.get("people", data.identity) != data.identity:
        return "trained on other people or pictures"
    try:
        config = from_json(metadata["config"], "")
    except (KeyError, ConfigError):  # left to whoever reads it
        return None
    had = [replace(one, runtime=config.runtime) for one in configs]
    if config in had:
        return None
    found, own = config_fields(config), config_fields(had[-1])
    names = differing([own, found])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(f"{name} {found.get(name)} instead of {own.get(name)}" for name in names[:3]) + more


def make_card(config: RunConfig, data: RunData, meta: CheckpointMeta, changes: Sequence[str] = ()) -> Card:
    """Build the model card of a checkpoint, with its validation figures.

    Args:
        config: the run's configuration when it was written.
        data: what the run was trained on.
        meta: of the checkpoint.
        changes: of the configuration since the run was started, a line each.
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
    """Name a file of weights; a checkpoint is named with its run, since all runs have the same."""
    return f"{file.parent.parent.name}/{file.name}" if file.parent.name == "checkpoints" else file.name
