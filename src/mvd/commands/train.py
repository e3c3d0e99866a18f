"""`mvd train`: prepared pictures into a run folder, from the start or from where a run stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mvd.backends import Observer, load_backend
from mvd.commands.data import load_training, validation_protocol_of
from mvd.config import RunConfig
from mvd.data.layouts import scan
from mvd.data.store import default_folder
from mvd.errors import RunError
from mvd.interop import Report
from mvd.interop.load import load_pretrained
from mvd.recipes import name_recipe
from mvd.runs import RunData, RunFolder, create_run, open_run


def train(
    data: Path,
    out: Path,
    config: RunConfig,
    *,
    observer: Observer,
    prepared: Path | None = None,
    pretrained: Path | None = None,
    matched: Callable[[Report], None] | None = None,
    replace: bool = False,
) -> tuple[RunFolder, bool]:
    """Train a network.

    Args:
        data: the data set's folder, or the table of one's own pictures.
        out: the run folder to make.
        config: the run.
        observer: who watches.
        prepared: the folder of the prepared arrays, where it is not where `mvd prepare` puts them.
        pretrained: weights that the network starts from, such as those of a ResNet trained on ImageNet for its
            encoders: a file in any format and naming that `mvd.interop.load.load_pretrained` knows.
        matched: is told what became of the tensors in it, before training begins.
        replace: delete a run that is in `out`.

    Returns:
        The run folder, and whether training came to its end.

    Raises:
        CheckpointError: the weights cannot be read, or are of another encoder.
        DatasetError: the data cannot be trained on.
        ConfigError: the configuration cannot run here.
        RunError: the run folder is taken or cannot be written.
        TrainingError: training broke down.
    """
    backend = load_backend(config)
    backend.check(config)
    dataset = scan(data, trial=config.data.trial)
    folder = prepared or default_folder(dataset)
    training, validate = load_training(dataset, folder, config)
    initial = None if pretrained is None else load_pretrained(pretrained, config.model, len(training.identities))
    described = RunData(
        root=str(data.resolve()),
        prepared=str(folder.resolve()),
        dataset=dataset.name,
        identities=tuple(training.identities.tolist()),
        trial=dataset.trial,
        pretrained=None if pretrained is None else str(pretrained.resolve()),
        recipe=name_recipe(config),
        validation=validation_protocol_of(dataset).name if validate is not None else None,
    )
    run = create_run(out, config, described, replace=replace)
    if initial is not None and matched is not None:
        matched(initial.report)
    tensors = None if initial is None else initial.tensors
    return run, backend.fit(config, training, run, validate=validate, observer=observer, resume=False, initial=tensors)


def resume(path: Path, *, observer: Observer) -> tuple[RunFolder, bool]:
    """Go on with a run that was stopped, to the same end as if it had not been.

    Args:
        path: the run folder.
        observer: who watches.

    Returns:
        The run folder, and whether training came to its end.

    Raises:
        RunError: there is no run, none of its checkpoints, or its data set has other people now.
        MvdError: as for `train`.
    """
    run = open_run(path)
    config, described = run.config, run.data
    backend = load_backend(config)
    backend.check(config)
    if not run.checkpoint("last").exists():
        raise RunError(
            f"{run.checkpoint('last')}: expected a checkpoint to go on from, found none; the run was stopped before "
            f"its first one: start it again with --replace"
        )
    dataset = scan(Path(described.root), trial=config.data.trial)
    training, validate = load_training(dataset, Path(described.prepared), config)
    if tuple(training.identities.tolist()) != described.identities:
        raise RunError(
            f"{described.root}: expected the {len(described.identities)} people that the run was started with, found "
            f"others in {dataset.people_lists}; restore them or start a new run"
        )
    return run, backend.fit(config, training, run, validate=validate, observer=observer, resume=True)
