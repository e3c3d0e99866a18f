"""What train.py is to do: begin a run, from new weights or from those of a file, or go on with one.

Whatever can be checked is checked here, before anything is written. The run folder is made when a job starts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mvd import distributed
from mvd.commands.prepare import prepare
from mvd.commands.train import resume, train
from mvd.commands.training_data import describe_dataset, load_training
from mvd.config import RunConfig, to_json
from mvd.config.recipes import name_recipe
from mvd.data.arrays import array_files, default_folder
from mvd.data.samples import Dataset, Modality
from mvd.data.sampling import steps_per_epoch
from mvd.data.training import TrainingData
from mvd.errors import CheckpointError, ConfigError, RunError
from mvd.original.arguments import Arguments, Target
from mvd.original.devices import choose_device, compile_if_possible, require_device
from mvd.original.program import counting, data_folder, pretrain_file, protocol_pattern, scan_data
from mvd.original.settings import configure, new_run
from mvd.original.weights import Weights, describe_people, load_weights, require_fit
from mvd.runs import CheckpointMeta, RunFolder, create_run, is_free, open_run
from mvd.runs.observer import Observer
from mvd.weights.load import load_pretrained

RUNS = Path("runs")
"""Where runs are made, in the folder where train.py is started."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run that is ready to start.

    Attributes:
        path: its folder.
        config: the run.
        protocol: the name, or a pattern, of the protocol that it is tested by.
        notes: lines for the result file.
        start: trains under an observer's eyes; gives the run, and whether it came to its end.
    """

    path: Path
    config: RunConfig
    protocol: str
    notes: Sequence[str]
    start: Callable[[Observer], tuple[RunFolder, bool]]


def begin(arguments: Arguments) -> Job:
    """Make ready a new run.

    Raises:
        MvdError: the data, the device, the weights or the settings are not what they have to be.
    """
    path = RUNS / (arguments.tag or _tag(arguments))
    _require_new(path)
    target = arguments.device_target or "GPU"
    config, device_notes = _settle(arguments, target)
    weights = _weights(arguments, config)
    pretrained = pretrain_file(arguments, target) if weights is None else None
    if pretrained is not None:
        load_pretrained(pretrained, config.model)  # for what may be wrong with it
    data = data_folder(arguments, target, Path("data"))
    dataset = scan_data(arguments, data, config.data.trial)
    if dataset.name == "regdb":
        _prepare(dataset, config)
    training, _ = load_training(dataset, default_folder(dataset), config)
    if weights is not None:
        _require_people(weights, training)
        require_fit(weights, config)

    def start(observer: Observer) -> tuple[RunFolder, bool]:
        if weights is None:
            return train(data, path, config, observer=observer, pretrained=pretrained)
        described = replace(describe_people(dataset, training.identities), recipe=name_recipe(config))
        epoch = arguments.start_epoch - 1
        step = epoch * _steps_per_epoch(config, training)
        checkpoint = weights.tensors, CheckpointMeta(step=step, epoch=epoch, metrics={}, best=None)
        with distributed.joined(config.runtime), distributed.agreement():
            if distributed.is_first():
                create_run(path, config, described, replace=False, start=checkpoint)
        return resume(path, observer=observer)

    return Job(
        path=path,
        config=config,
        protocol=protocol_pattern(arguments, data),
        notes=(*device_notes, f"Data: {describe_dataset(dataset)}", f"Run: {path}"),
        start=start,
    )


def go_on(arguments: Arguments, path: Path) -> Job:
    """Make ready a run that was stopped.

    Raises:
        RunError: there is none, or it was started with other settings than those given now.
        MvdError: the data or the device are not what they have to be.
    """
    run = open_run(path)
    config = configure(arguments.settings, run.config)
    if arguments.device_target is not None:
        device = choose_device(arguments, arguments.device_target)
        config = replace(config, runtime=replace(config.runtime, device=device))
    if config.runtime.compile != run.config.runtime.compile:
        config, _ = compile_if_possible(config)
    _require_same(run, config)
    _require_no_start_epoch(arguments)
    began_on = Path(run.data.root)
    data = began_on if arguments.data_path is None else arguments.data_path.resolve()
    if data != began_on and began_on.exists():
        raise RunError(
            f"{path}: expected {began_on}, which the run was started on, found --data_path {arguments.data_path}; "
            f"leave it away"
        )
    scan_data(arguments, data, config.data.trial)
    return Job(
        path=path,
        config=config,
        protocol=protocol_pattern(arguments, data),
        notes=(f"Run: {path}, which goes on",),
        start=lambda observer: resume(path, observer=observer, data=data),
    )


def _settle(arguments: Arguments, target: Target) -> tuple[RunConfig, list[str]]:
    """Make the configuration of a new run on a device that is there, and say what that is."""
    config = new_run(arguments.settings)
    config = replace(config, runtime=replace(config.runtime, device=choose_device(arguments, target)))
    device = require_device(config)
    config, compiling = compile_if_possible(config)
    return config, [f"Device: {device}", *compiling]


def _tag(arguments: Arguments) -> str:
    """Name a run that has no tag; a model of RegDB belongs to a trial."""
    return arguments.search + (f"_{arguments.settings.trial or 1}" if arguments.dataset == "RegDB" else "")


def _require_new(path: Path) -> None:
    if not is_free(path):
        raise RunError(
            f"{path}: expected a new folder for the run, found one; go on with it: python train.py --resume {path}, "
            f"or choose another --tag"
        )


def _require_same(run: RunFolder, config: RunConfig) -> None:
    started, given = (_flat(json.loads(to_json(one))) for one in (run.config, config))
    changes = [f"{name} {given[name]} instead of {started[name]}" for name in started if given[name] != started[name]]
    if changes:
        raise RunError(
            f"{run.path}: expected the settings that the run was started with, found {', '.join(changes)}; leave them "
            f"away, or start a new run from its weights: --resume {run.checkpoint('last')} --tag NAME"
        )


def _flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for name, value in nested.items():
        flat.update(_flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value})
    return flat


def _require_no_start_epoch(arguments: Arguments) -> None:
    if arguments.start_epoch != 1:
        raise ConfigError(
            f"--start_epoch: expected it beside --resume with a file of weights, found {arguments.start_epoch} without "
            f"one; leave it away: a run starts at epoch 1, or goes on where it stopped"
        )


def _weights(arguments: Arguments, config: RunConfig) -> Weights | None:
    """Read the weights of the whole network that a new run starts from, if it does."""
    if arguments.resume is None:
        _require_no_start_epoch(arguments)
        return None
    if arguments.start_epoch > config.schedule.epochs:
        raise ConfigError(
            f"--start_epoch: expected an epoch from 1 to {config.schedule.epochs}, found {arguments.start_epoch}"
        )
    return load_weights(arguments.resume)


def _require_people(weights: Weights, training: TrainingData) -> None:
    people = len(training.identities)
    if weights.classes != people:
        raise CheckpointError(
            f"{weights.file}: expected weights for the {people} people that are trained on, found weights for "
            f"{weights.classes}; choose whom to train on with --train_on, or check --data_path and --trial"
        )


def _prepare(dataset: Dataset, config: RunConfig) -> None:
    """Prepare RegDB's pictures, which the release does at each start, unless that was done."""
    if all(array_files(default_folder(dataset), modality).labels.exists() for modality in Modality):
        return
    with counting("preparing") as progress:
        prepare(
            dataset.root,
            height=config.data.height,
            width=config.data.width,
            trial=config.data.trial,
            progress=progress,
        )


def _steps_per_epoch(config: RunConfig, training: TrainingData) -> int:
    pictures = len(training.visible), len(training.infrared)
    return steps_per_epoch(*pictures, config.sampling.identities, config.sampling.pictures)
