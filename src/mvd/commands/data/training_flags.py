"""The flags of `mvd train` that fit a data set, so that a proposed command can be pasted and runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mvd.commands.data.training_data import rehearse_validation, training_people
from mvd.commands.results.evaluate import prepare_test
from mvd.config import RunConfig
from mvd.config.recipes import RECIPES
from mvd.data.samples import Dataset
from mvd.errors import MvdError


def training_flags(dataset: Dataset, prepared: Path | None, height: int, width: int) -> tuple[str, ...] | None:
    """Find the recipe of a picture size, and the flags for what it cannot have in a data set.

    Args:
        dataset: the data set.
        prepared: folder of the prepared arrays, if it is not the default.
        height: height of the prepared pictures in pixels.
        width: width of the prepared pictures in pixels.

    Returns:
        The flags; None if there are fewer than two people to train on.
    """
    flags = [] if dataset.trial in {None, 1} else ["--data.trial", str(dataset.trial)]
    if prepared is not None:
        flags += ["--prepared", str(prepared)]
    fitting = [name for name, one in RECIPES.items() if (one.data.height, one.data.width) == (height, width)]
    config = RECIPES[fitting[0]] if fitting else RunConfig()
    flags += ["--recipe", fitting[0]] if fitting else ["--data.height", str(height), "--data.width", str(width)]
    if config.data.train_on == "train" and not _works(lambda: rehearse_validation(dataset, dataset.validation)):
        config = replace(config, data=replace(config.data, train_on="train+validation"))
        flags += ["--data.train-on", config.data.train_on]
    people = len(training_people(dataset, config))
    if people < config.sampling.identities:
        flags += ["--sampling.identities", str(people)]
    if not _works(lambda: prepare_test(dataset)):
        flags += ["--evaluate", "none"]
    return tuple(flags) if people > 1 else None


def _works(rehearse: Callable[[], object]) -> bool:
    try:
        rehearse()
    except MvdError:
        return False
    return True
