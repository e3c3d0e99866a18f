"""Notes on imported weights: where their names were found, and where the network differs from the trained one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mvd.config import ModelConfig
from mvd.config.recipes import RECIPES
from mvd.runs import read_config
from mvd.weights.formats.arrays import quote
from mvd.weights.namings import AGW, MINDSPORE_RELEASE, OURS, PYTORCH_RELEASE, Naming

_RELEASES = {MINDSPORE_RELEASE.title: "mvd-mindspore", PYTORCH_RELEASE.title: "mvd-cvpr21"}
_UNSEEN = ("last_stride", "padding", "third_norm", "grey_weights", "descriptor_norm")
"""Fields of a network that cannot be inferred from its weights; for a release they are in its recipe."""


def match_notes(file: Path, naming: Naming, config: ModelConfig, replaced: Sequence[str]) -> tuple[str, ...]:
    """Build the notes on the initial weights of a network."""
    notes = []
    if naming.prefix:
        notes.append(f"the names of {naming.title} stand under {quote(naming.prefix)} in the file")
    if naming.title == AGW.title:
        notes.append("AGW: stems from visible_module and thermal_module, stages from base_resnet")
    if replaced:
        notes.append(f"replaced by new ones, for these are of another size: {', '.join(replaced)}")
    trained = _padding(file, naming)
    if trained not in (None, config.padding):
        notes.append(
            f'weights of this kind are trained with padding "{trained}", and this network pads as "{config.padding}", '
            f"so its maps are shifted by up to a pixel: --model.padding {trained} has what was trained"
        )
    return tuple(notes)


def released_notes(naming: Naming, config: ModelConfig) -> tuple[str, ...]:
    """Build the notes on differences between a network and the release whose naming its weights have."""
    if naming.title not in _RELEASES:
        return ()
    released = RECIPES[_RELEASES[naming.title]].model
    other = {name: getattr(released, name) for name in _UNSEEN if getattr(config, name) != getattr(released, name)}
    if not other:
        return ()
    listed = ", ".join(f"{name} {value}" for name, value in other.items())
    return (
        f"networks of {naming.title} have {listed}, and this one has not: take the recipe of that release, unless "
        f"these weights were converted from another network",
    )


def _padding(file: Path, naming: Naming) -> str | None:
    """Return the padding that weights were trained with, if it is known from their naming or their metadata."""
    if naming is not OURS:
        return "same" if naming.mindspore else "pytorch"
    config = read_config(file)
    return None if config is None else config.model.padding
