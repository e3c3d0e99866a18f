"""`mvd train`: prepared pictures into a run folder, from the start or from where a run stopped."""

from __future__ import annotations

from pathlib import Path

from mvd.backends import Observer, load_backend
from mvd.commands.data import load_training
from mvd.config import RunConfig
from mvd.data.layouts.sysu import scan_sysu
from mvd.errors import RunError
from mvd.runs import RunData, RunFolder, create_run, open_run


def train(
    data: Path,
    out: Path,
    config: RunConfig,
    *,
    observer: Observer,
    prepared: Path | None = None,
    replace: bool = False,
) -> tuple[RunFolder, bool]:
    """Train a network.

    Args:
        data: the data set's folder.
        out: the run folder to make.
        config: the run.
        observer: who watches.
        prepared: the folder of the prepared arrays, where it is not `data`.
        replace: delete a run that is in `out`.

    Returns:
        The run folder, and whether training came to its end.

    Raises:
        DatasetError: the data cannot be trained on.
        ConfigError: the configuration cannot run here.
        RunError: the run folder is taken or cannot be written.
        TrainingError: training broke down.
    """
    backend = load_backend(config)
    backend.check(config)
    dataset = scan_sysu(data)
    training, validate = load_training(dataset, prepared or data, config)
    described = RunData(
        root=str(data.resolve()),
        prepared=str((prepared or data).resolve()),
        dataset=dataset.name,
        identities=tuple(training.identities.tolist()),
    )
    run = create_run(out, config, described, replace=replace)
    return run, backend.fit(config, training, run, validate=validate, observer=observer, resume=False)


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
    dataset = scan_sysu(Path(described.root))
    training, validate = load_training(dataset, Path(described.prepared), config)
    if tuple(training.identities.tolist()) != described.identities:
        raise RunError(
            f"{described.root}: expected the {len(described.identities)} people that the run was started with, found "
            f"others in exp/*_id.txt; restore them or start a new run"
        )
    return run, backend.fit(config, training, run, validate=validate, observer=observer, resume=True)
