"""`mvd import`: make a run folder of a network that was trained elsewhere, for every other command."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mvd.commands.engine import load_engine
from mvd.config import RunConfig
from mvd.config.recipes import name_recipe, resolve_config
from mvd.data.arrays import default_folder
from mvd.data.layouts import scan
from mvd.data.samples import Dataset
from mvd.runs import RunData, RunFolder, create_run
from mvd.weights import MatchReport, count_classes, load_whole
from mvd.weights.load import UNTRAINED


def import_weights(
    file: str | Path, out: str | Path, data: str | Path, config: RunConfig | str, *, replace: bool = False
) -> tuple[RunFolder, MatchReport]:
    """Make a run folder of a network that was trained elsewhere; its weights are the best checkpoint.

    Args:
        file: a whole network, ours or a release's, in any format that `mvd.weights.read_weights` reads.
        out: the run folder to create.
        data: the data set's folder or table that it is to be used with.
        config: what it was trained with, or the name of that recipe; `config.model` is the network in the file.
        replace: delete a run that is in `out`.

    Returns:
        The run folder, and which tensors of the file matched.

    Raises:
        CheckpointError: it cannot be read, or is of another network.
        DatasetError: there is no such data set.
        RunError: the run folder is taken or cannot be written.
    """
    file, out, data, config = Path(file), Path(out), Path(data), resolve_config(config)
    load_engine(config).check(config)
    tensors, report = load_whole(file, config.model)
    dataset = scan(data, trial=config.data.trial)
    described = RunData(
        root=str(data.resolve()),
        prepared=str(default_folder(dataset).resolve()),
        dataset=dataset.name,
        identities=_identities(dataset, config, count_classes(tensors)),
        trial=dataset.trial,
        recipe=name_recipe(config),
        source=str(file.resolve()),
    )
    run = create_run(out, config, described, replace=replace, start=(tensors, UNTRAINED), checkpoint="best")
    return run, report


def _identities(dataset: Dataset, config: RunConfig, classes: int) -> tuple[int, ...]:
    """Return the data set's identities if there are as many as classes; else number the classes."""
    people = dataset.train.people
    if config.data.train_on == "train+validation":
        people = np.union1d(people, dataset.validation.people)
    return tuple(people.tolist()) if len(people) == classes else tuple(range(classes))
