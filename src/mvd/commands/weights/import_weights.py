"""`mvd import`: create a run folder from a network that was trained elsewhere, for use with all other commands."""

from __future__ import annotations

from dataclasses import replace as replace_fields
from pathlib import Path

from mvd.commands.data.training_data import describe_people, training_people
from mvd.commands.engine import load_engine
from mvd.commands.results.evaluate import is_own_data
from mvd.config import RunConfig
from mvd.config.recipes import name_recipe, resolve_config
from mvd.data.layouts import scan
from mvd.data.samples import Dataset
from mvd.files.regular import real_path
from mvd.runs import RunData, RunFolder, create_run, read_trained_on
from mvd.weights import MatchReport, count_classes, load_whole
from mvd.weights.load import UNTRAINED


def import_weights(
    file: str | Path, out: str | Path, data: str | Path, config: RunConfig | str, *, replace: bool = False
) -> tuple[RunFolder, MatchReport]:
    """Create a run folder from a network that was trained elsewhere; its weights become the best checkpoint.

    Args:
        file: a whole network, ours or a release's, in any format that `mvd.weights.read_weights` reads.
        out: the run folder to create.
        data: folder or table of the data set to use it with.
        config: the configuration that it was trained with, or the name of a recipe; `config.model` is the network in
            the file.
        replace: delete an existing run in `out`.

    Returns:
        The run folder, and the report of the matched tensors.

    Raises:
        CheckpointError: the file cannot be read, or contains another network.
        DatasetError: there is no such data set.
        RunError: the run folder is taken or cannot be written.
    """
    file, out, data, config = Path(file), Path(out), Path(data), resolve_config(config)
    load_engine(config).check(config)
    tensors, report = load_whole(file, config.model)
    dataset = scan(data, trial=config.data.trial)
    described = replace_fields(
        _described(file, dataset, data, config, count_classes(tensors)),
        recipe=name_recipe(config),
        source=str(real_path(file)),
    )
    run = create_run(out, config, described, replace=replace, start=(tensors, UNTRAINED), checkpoint="best")
    return run, report


def _described(file: Path, dataset: Dataset, data: Path, config: RunConfig, classes: int) -> RunData:
    """Describe the people that a network was trained on.

    They are read from the file, if it names them. Otherwise they are the training people of the data set, if their
    number is that of the classes. Otherwise they are unknown, and the classes are numbered.
    """
    people = training_people(dataset, config)
    described = describe_people(dataset, people, data)
    known = read_trained_on(file)
    if known is not None and len(known.identities) == classes:
        # A name identifies a person only in the data set of the training; a mark identifies a person in any data set.
        names = known.people if is_own_data(known, dataset, data) else ()
        return replace_fields(described, identities=known.identities, people=names, marks=known.marks)
    if len(people) == classes:
        return described
    return replace_fields(described, identities=tuple(range(classes)), people=(), marks=())
