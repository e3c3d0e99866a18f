"""Jobs of train.py: a new run, with random or loaded weights, or a resumed run.

Everything that can be checked is checked here, before anything is written; the run folder is created when a job starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mvd import distributed
from mvd.commands.data.prepare import prepare
from mvd.commands.data.training_data import describe_dataset, describe_people, load_training
from mvd.commands.engine import fit_machine
from mvd.commands.results.evaluate import prepare_test
from mvd.commands.training.train import resume, train
from mvd.config import Machine, RunConfig
from mvd.config.changes import find_changes, refused_changes
from mvd.config.compare import config_fields
from mvd.config.recipes import name_recipe
from mvd.data.prepared.arrays import array_files, default_folder
from mvd.data.samples import Dataset, Modality
from mvd.data.sampling import steps_per_epoch
from mvd.data.training import TrainingData
from mvd.errors import CheckpointError, ConfigError, RunError
from mvd.files.names import shell_words
from mvd.files.regular import real_path
from mvd.original.arguments import Arguments, DeviceTarget, Framework
from mvd.original.devices import choose_device, choose_framework, compile_if_possible, require_device
from mvd.original.program import counting, data_folder, pretrain_file, protocol_pattern, scan_data
from mvd.original.settings import configure, new_run
from mvd.original.weights import NetworkWeights, load_weights, require_fit
from mvd.results.train import TrainResult
from mvd.runs import CheckpointMeta, RunData, RunFolder, Tensors, create_run, is_free, open_run
from mvd.runs.observer import Observer
from mvd.weights.load import load_pretrained

RUNS = Path("runs")
"""Folder of the runs, below the current folder."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run that is ready to start.

    Attributes:
        path: the run folder.
        config: configuration of the run.
        computed: the configuration that is used here: a resumed run may have another device or framework on this
            machine.
        protocol: name or pattern of the test protocol.
        notes: lines for the result file.
        data: folder of the data set.
        resumed: whether an existing run is resumed.
        framework: framework of a resumed run; None for the run's own.
        pretrained: file of initial encoder weights, if given.
        changes: new settings of a resumed run, by field.
        start_from: for a run that starts from weights of the whole network: description of the data, tensors, and
            position in the schedule.
    """

    path: Path
    config: RunConfig
    computed: RunConfig
    protocol: str
    notes: Sequence[str]
    data: Path
    resumed: bool = False
    framework: Framework | None = None
    pretrained: Path | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    start_from: tuple[RunData, Tensors, CheckpointMeta] | None = None

    def start(self, observer: Observer) -> TrainResult:
        """Train the network."""
        if self.resumed:
            machine = _machine(self.framework, self.config)
            return resume(self.path, changes=self.changes, observer=observer, data=self.data, machine=machine)
        if self.start_from is None:
            return train(self.data, self.path, self.config, observer=observer, pretrained=self.pretrained)
        described, tensors, meta = self.start_from
        with distributed.joined(self.config.runtime), distributed.agreement():
            if distributed.is_first():
                create_run(self.path, self.config, described, replace=False, start=(tensors, meta))
        return resume(self.path, observer=observer)


def new_job(arguments: Arguments) -> Job:
    """Check and prepare a new run.

    Raises:
        MvdError: the data, the device, the weights or the settings are invalid.
    """
    path = RUNS / (arguments.tag or _tag(arguments))
    if not is_free(path):
        raise RunError(
            f"{path}: expected a new folder for the run, found one; go on with it: python train.py "
            f"--resume {shell_words(path)}, or choose another --tag"
        )
    target = arguments.device_target or "GPU"
    config, device_notes = _settle(arguments, target)
    weights = _weights(arguments, config)
    pretrained = pretrain_file(arguments, target) if weights is None else None
    if pretrained is not None:
        load_pretrained(pretrained, config.model)  # raises its errors early
    data = data_folder(arguments, target, Path("data"))
    dataset = scan_data(arguments, data, config.data.trial)
    if dataset.name == "regdb":
        _prepare(dataset, config)
    protocol = protocol_pattern(arguments, data)
    prepare_test(dataset, [protocol])
    training, _ = load_training(dataset, default_folder(dataset), config)
    return Job(
        path=path,
        config=config,
        computed=config,
        protocol=protocol,
        notes=(*device_notes, f"Data: {describe_dataset(dataset)}", f"Run: {path}"),
        data=data,
        pretrained=pretrained,
        start_from=None if weights is None else _start_from(weights, arguments, config, dataset, training),
    )


def resumed_job(arguments: Arguments, path: Path) -> Job:
    """Check and prepare a stopped run to be resumed.

    Raises:
        RunError: there is no run, or a setting is given that must not change in a resumed run.
        MvdError: the data or the device are invalid.
    """
    run = open_run(path)
    config = configure(arguments.settings, run.config)
    if arguments.device_target is not None:
        device = choose_device(arguments, arguments.device_target)
        config = replace(config, runtime=replace(config.runtime, device=device))
    if config.runtime.compile != run.config.runtime.compile:
        config, _ = compile_if_possible(config)
    changes = _changes(run, config)
    _require_no_start_epoch(arguments)
    began_on = Path(run.data.root)
    data = began_on if arguments.data_path is None else real_path(arguments.data_path)
    if data != began_on and began_on.exists():
        raise RunError(
            f"{path}: expected {began_on}, which the run was started on, found --data_path {arguments.data_path}; "
            f"omit it"
        )
    scan_data(arguments, data, config.data.trial)
    engine, computed, _ = fit_machine(config, _machine(arguments.framework, config))
    engine.check(computed)
    return Job(
        path=path,
        config=config,
        computed=computed,
        protocol=protocol_pattern(arguments, data),
        notes=(f"Run: {path}, which goes on",),
        data=data,
        resumed=True,
        framework=arguments.framework,
        changes=changes,
    )


def _machine(framework: Framework | None, config: RunConfig) -> Machine:
    return Machine(framework=framework or "auto", device=config.runtime.device)


def _settle(arguments: Arguments, target: DeviceTarget) -> tuple[RunConfig, list[str]]:
    """Build the configuration of a new run for an available device, with a note on the device."""
    config = new_run(arguments.settings)
    config = replace(
        config,
        framework=choose_framework(arguments, target),
        runtime=replace(config.runtime, device=choose_device(arguments, target)),
    )
    device = require_device(config)
    config, compiling = compile_if_possible(config)
    return config, [f"Device: {device}", *compiling]


def _tag(arguments: Arguments) -> str:
    """Name a run without a tag; the name of a RegDB run includes the trial."""
    trial = 1 if arguments.settings.trial is None else arguments.settings.trial
    return arguments.search + (f"_{trial}" if arguments.dataset == "RegDB" else "")


def _start_from(
    weights: NetworkWeights, arguments: Arguments, config: RunConfig, dataset: Dataset, training: TrainingData
) -> tuple[RunData, Tensors, CheckpointMeta]:
    people = len(training.identities)
    if weights.classes != people:
        raise CheckpointError(
            f"{weights.file}: expected weights for the {people} people that are trained on, found weights for "
            f"{weights.classes}; choose whom to train on with --train_on, or check --data_path and --trial"
        )
    require_fit(weights, config)
    described = replace(describe_people(dataset, training.identities), recipe=name_recipe(config))
    epoch = arguments.start_epoch - 1
    pictures = len(training.visible), len(training.infrared)
    step = epoch * steps_per_epoch(*pictures, config.sampling.identities, config.sampling.pictures)
    return described, weights.tensors, CheckpointMeta(step=step, epoch=epoch, metrics={}, best=None)


def _changes(run: RunFolder, config: RunConfig) -> dict[str, Any]:
    """Find the settings that differ from the run's, and refuse those that cannot change."""
    config = replace(config, runtime=replace(config.runtime, device=run.config.runtime.device))  # of the machine
    changes = find_changes(run.config, config)
    if refused := refused_changes(changes):
        started, given = config_fields(run.config), config_fields(config)
        found = ", ".join(f"{name} {given[name]} instead of {started[name]}" for name in refused)
        raise RunError(
            f"{run.path}: expected the settings that the run was started with, found {found}; omit them, or start a "
            f"new run from its weights: --resume {run.checkpoint('last')} --tag NAME"
        )
    return changes


def _require_no_start_epoch(arguments: Arguments) -> None:
    if arguments.start_epoch != 1:
        raise ConfigError(
            f"--start_epoch: expected it beside --resume with a file of weights, found {arguments.start_epoch} without "
            f"one; omit it: a run starts at epoch 1, or continues where it stopped"
        )


def _weights(arguments: Arguments, config: RunConfig) -> NetworkWeights | None:
    """Load the weights of the whole network from which a new run starts, if given."""
    if arguments.resume is None:
        _require_no_start_epoch(arguments)
        return None
    if arguments.start_epoch > config.schedule.epochs:
        raise ConfigError(
            f"--start_epoch: expected an epoch from 1 to {config.schedule.epochs}, found {arguments.start_epoch}"
        )
    return load_weights(arguments.resume)


def _prepare(dataset: Dataset, config: RunConfig) -> None:
    """Prepare RegDB's pictures, which the release does at each start, unless they are prepared."""
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
