"""`mvd train`: prepared pictures into a run folder, from the start or from where a run stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace as replace_fields
from functools import partial
from pathlib import Path
from typing import NamedTuple

from mvd.commands.datasets import Validate, fingerprint, load_training, validation_protocol_of
from mvd.commands.recording import recorded
from mvd.config import RunConfig
from mvd.config.recipes import name_recipe
from mvd.data.arrays import default_folder
from mvd.data.layouts import scan
from mvd.engine import Backend, Observer, Ranks, TrainingData, load_backend
from mvd.errors import CheckpointError, DatasetError, RunError
from mvd.runs import RunData, RunFolder, create_run, open_run, recover
from mvd.weights import Report
from mvd.weights.load import load_pretrained
from mvd.weights.names import Renamed


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
            encoders: a file in any format and naming that `mvd.weights.load.load_pretrained` knows.
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

    def make_ready() -> _Ready:
        device = backend.check(config)
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
            pictures=fingerprint(training),
            recipe=name_recipe(config),
            validation=validation_protocol_of(dataset).name if validate is not None else None,
        )
        return _Ready(device, described, training, validate, initial)

    with backend.ranks(config) as ranks:
        ready = ranks.each(make_ready)
        run = ranks.first(lambda: create_run(out, config, ready.described, replace=replace))
        if ready.initial is not None and matched is not None:
            matched(ready.initial.report)
        with _locked(run, ranks):
            ended = _fit(backend, run, config, ready, observer=observer, resume=False, ranks=ranks)
    return run, ended


def resume(
    path: Path, *, observer: Observer, data: Path | None = None, prepared: Path | None = None
) -> tuple[RunFolder, bool]:
    """Go on with a run that was stopped or killed, to the same end as if it had not been.

    A run that has no checkpoint yet begins again. If the last checkpoint is damaged, the one before it is used, with a
    warning (`mvd.runs.recover`).

    Args:
        path: the run folder.
        observer: who watches.
        data: where the data set is now, if it is not where it was.
        prepared: where the prepared arrays are now, if they are not where they were, or where `mvd prepare` puts them.

    Returns:
        The run folder, and whether training came to its end.

    Raises:
        RunError: there is no run, somebody else is at work on it, or its data set has other people or pictures now.
        DatasetError: the data set is not there, or cannot be trained on.
        CheckpointError: all its checkpoints are damaged, or the weights that it started from are not there.
        MvdError: as for `train`.
    """
    run = open_run(path)
    config = run.config
    backend = load_backend(config)

    def make_ready() -> _Ready:
        device = backend.check(config)
        described = _locate(run, data, prepared)
        dataset = scan(Path(described.root), trial=config.data.trial)
        training, validate = load_training(dataset, Path(described.prepared), config)
        _require_same(described, training, dataset.people_lists)
        return _Ready(device, described, training, validate, None)

    def prepare_run(described: RunData) -> bool:
        if described != run.data:
            run.move_data(described)
        return recover(run) is not None

    with backend.ranks(config) as ranks, _locked(run, ranks):
        ready = ranks.each(make_ready)
        begun = ranks.first(lambda: prepare_run(ready.described))
        if not begun:
            ready = ready._replace(initial=ranks.each(lambda: _initial(run, config)))
        ended = _fit(backend, run, config, ready, observer=observer, resume=begun, ranks=ranks)
    return run, ended


class _Ready(NamedTuple):
    """What a run needs beside its configuration, all of it checked."""

    device: str
    described: RunData
    training: TrainingData
    validate: Validate | None
    initial: Renamed | None


def _fit(
    backend: Backend,
    run: RunFolder,
    config: RunConfig,
    ready: _Ready,
    *,
    observer: Observer,
    resume: bool,
    ranks: Ranks,
) -> bool:
    fit = partial(
        backend.fit,
        config,
        ready.training,
        run,
        validate=ready.validate,
        resume=resume,
        initial=None if ready.initial is None else ready.initial.tensors,
        ranks=ranks,
    )
    with _saying_how_to_go_on(run):
        if ranks.index > 0:
            return fit(observer=observer)
        return recorded(run, ready.device, observer, lambda watch: fit(observer=watch))


@contextmanager
def _locked(run: RunFolder, ranks: Ranks) -> Iterator[None]:
    """Keep others from the run; the first of the processes that share it has the lock."""
    with ExitStack() as stack:
        ranks.first(lambda: stack.enter_context(run.locked()))
        yield


def _locate(run: RunFolder, data: Path | None, prepared: Path | None) -> RunData:
    """Say where the run's data set and arrays are now."""
    was = run.data
    root = Path(was.root) if data is None else data.resolve()
    if not root.exists():
        raise DatasetError(
            f"{root}: expected the data set that the run was started on, found nothing there; put it back, or say "
            f"where it is now: mvd train DATA --resume {run.path}"
        )
    arrays = Path(was.prepared) if prepared is None else prepared.resolve()
    if prepared is None and arrays.is_relative_to(_folder(Path(was.root))):
        arrays = _folder(root) / arrays.relative_to(_folder(Path(was.root)))
    return replace_fields(was, root=str(root), prepared=str(arrays))


def _require_same(described: RunData, training: TrainingData, people_lists: str) -> None:
    if tuple(training.identities.tolist()) != described.identities:
        raise RunError(
            f"{described.root}: expected the {len(described.identities)} people that the run was started with, found "
            f"others in {people_lists}; restore them or start a new run"
        )
    if described.pictures not in (None, fingerprint(training)):
        raise RunError(
            f"{described.prepared}: expected the training pictures that the run was started with, found others, or "
            f"prepared in another way; prepare them as they were or start a new run"
        )


def _folder(root: Path) -> Path:
    """Give the folder of a data set, which a table of one's own pictures lies in."""
    return root.parent if root.suffix.lower() == ".csv" else root


def _initial(run: RunFolder, config: RunConfig) -> Renamed | None:
    """Load once more what the encoders of a run without a checkpoint start from; None if they start from the seed."""
    file = run.data.pretrained
    if file is None:
        return None
    if not Path(file).exists():
        raise CheckpointError(
            f"{file}: expected the weights that the run starts from, as it has no checkpoint yet, found none; put them "
            f"back, or start it again with others: --pretrained FILE --replace"
        )
    return load_pretrained(Path(file), config.model, len(run.data.identities))


@contextmanager
def _saying_how_to_go_on(run: RunFolder) -> Iterator[None]:
    """Add the command that goes on to what is said when the data vanish in the middle of a run."""
    try:
        yield
    except DatasetError as error:
        raise DatasetError(f"{error}; then go on with: mvd train --resume {run.path}") from error
