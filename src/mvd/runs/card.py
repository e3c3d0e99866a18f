"""The model card: the training data and settings of weights, their figures with protocols, and the code version.

Checkpoints, exported and converted files have it in their metadata, under "card".
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mvd import __version__
from mvd.errors import CheckpointError
from mvd.files.strict_json import parse_json

LICENCE = "code: Apache-2.0; weights: whatever the terms of the data that they were trained on allow"
UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class CardFigures:
    """Figures of a protocol.

    Attributes:
        protocol: name of the protocol.
        people: the evaluated identities: "validation" or "test".
        values: means by name, such as "rank-1" and "mAP", fractions from 0 to 1.
        ranking: how galleries were ranked, such as "cosine".
    """

    protocol: str
    people: str
    values: dict[str, float]
    ranking: str = "cosine"


@dataclass(frozen=True, kw_only=True)
class Card:
    """The model card of some weights.

    Attributes:
        recipe: a recipe's name, or "custom, from" the nearest one's.
        dataset: name of the data set, such as "sysu", and of its folder or table.
        split: the training identities: "train" or "train+validation".
        trial: RegDB's split; None elsewhere.
        people: number of training identities.
        seed: seed of the run.
        pretrained: name of the file of initial weights; None if training started from the seed.
        step: number of training steps.
        epoch: number of complete epochs.
        figures: validation and test figures.
        version: version of mvd.
        commit: commit of mvd's source, with "+" if files were changed; None if unknown.
        licence: licence of code and weights.
        source: the file that the weights were converted from; None for weights of a run of mvd.
        changes: changes of settings since the run was started, one line each.
    """

    recipe: str = UNKNOWN
    dataset: str = UNKNOWN
    split: str = UNKNOWN
    trial: int | None = None
    people: int = 0
    seed: int | None = None
    pretrained: str | None = None
    step: int = 0
    epoch: int = 0
    figures: tuple[CardFigures, ...] = ()
    version: str = __version__
    commit: str | None = None
    licence: str = LICENCE
    source: str | None = None
    changes: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Write the card as JSON."""
        return json.dumps(asdict(self))


def card_from_json(text: str, source: str) -> Card:
    """Parse a card that `Card.to_json` wrote.

    Args:
        text: the JSON.
        source: origin of the text, for the error.

    Raises:
        CheckpointError: the text is not a card.
    """
    try:
        fields = parse_json(text)
        figures = tuple(_figures(one) for one in fields.pop("figures"))
        # Fields of later versions are ignored.
        known = {name: value for name, value in fields.items() if name in Card.__dataclass_fields__}
        if not all(_fits(name, value) for name, value in known.items()):
            raise TypeError("a field of another type")
        return Card(**{**known, "changes": tuple(known.get("changes", ()))}, figures=figures)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise CheckpointError(
            f"{source}: expected a model card in its metadata, found something else ({type(error).__name__}); "
            f"take a file that mvd wrote"
        ) from error


@cache
def source_commit() -> str | None:
    """Return the commit of the running source, with "+" if files were changed; None outside mvd's own work tree."""
    package = Path(__file__).parents[1]
    # An installed package may be inside another repository.
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit = _git(package, "rev-parse", "--short=12", "HEAD")
    changed = _git(package, "status", "--porcelain", "--untracked-files=no", ".")
    return commit + ("+" if changed else "") if commit else None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _figures(fields: dict[str, Any]) -> CardFigures:
    values = {str(name): float(value) for name, value in fields["values"].items()}
    texts = {name: fields[name] for name in ("protocol", "people", "ranking")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise TypeError("figures of a protocol without a name")
    return CardFigures(**texts, values=values)


def _fits(name: str, value: object) -> bool:
    wanted = str(Card.__dataclass_fields__[name].type)
    if value is None:
        return "None" in wanted
    if wanted.startswith("tuple[str"):
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    return isinstance(value, str) if wanted.startswith("str") else type(value) is int
