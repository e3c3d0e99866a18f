"""`mvd train`: train a network on prepared pictures and write a run folder, or resume a stopped run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import Any

from mvd import distributed
from mvd.commands.data.training_data import describe_people, load_training, validation_protocol_of
from mvd.commands.engine import choose_framework, fit_machine, load_engine
from mvd.commands.results.evaluate import describe_trained, prepare_test, trained_people
from mvd.commands.training.rehearsal import rehearse_folder
from mvd.config import Machine, RunConfig
from mvd.config.changes import apply_changes, find_changes, refused_changes
from mvd.config.recipes import name_recipe, resolve_config
from mvd.data.layouts import scan
from mvd.data.prepared.arrays import default_folder
from mvd.data.training import TrainingData
from mvd.errors import CheckpointError, ConfigError, DatasetError, ProtocolError, RunError, counted
from mvd.files.names import shell_words
from mvd.files.regular import real_path
from mvd.metrics.validation import Validation
from mvd.results.train import TrainResult
from mvd.runs import RunData, RunFolder, creating_run, open_run, read_trained_on, recover
from mvd.runs.observer import Observer, Observers
from mvd.runs.recording import recorded
from mvd.weights.load import load_pretrained, pretrained_file
from mvd.weights.names import Match


@dataclass(frozen=True, kw_only=True)
class _Inputs:
    """The checked inputs of a run, apart from its configuration."""

    device: str
    described: RunData
    training: TrainingData
    validation: Validation | None


def train(
    data: Path | str,
    out: Path | str,
    config: RunConfig | str = "mvd",
    *,
    observer: Observer | None = None,
    prepared: Path | str | None = None,
    pretrained: Path | str | None = None,
    replace: bool = False,
    tested: bool = False,
) -> TrainResult:
    """Train a network.

    Args:
        data: folder of the data set, or table of own pictures, prepared by `mvd.prepare`.
        out: the run folder to create.
        config: configuration of the run, or the name of a recipe.
        observer: observes the run.
        prepared: folder of the prepared arrays, if it is not the default.
        pretrained: initial weights of the network, such as those of a ResNet trained on ImageNet for the encoders:
            a file in any format and naming of `mvd.weights.load.load_pretrained`; or a run folder, for its best
            checkpoint.
        replace: delete an existing run in `out`.
        tested: whether the run will be tested on the data set; if so, check beforehand that it can be.

    Raises:
        CheckpointError: the weights cannot be read, or belong to another encoder.
        DatasetError: the data set cannot be used for training.
        ConfigError: the configuration cannot run here.
        RunError: the run folder is taken or cannot be written.
        ProtocolError: the run cannot be tested, or the initial weights were trained on some of the test people.
        TrainingError: training diverged.
    """
    data, run, observer = Path(data), RunFolder(Path(out)), observer or Observer()
    config = choose_framework(resolve_config(config))
    engine = load_engine(config)
    with distributed.joined(config.runtime):
        with distributed.agreement():
            device = engine.check(config)
            dataset = scan(data, trial=config.data.trial)
            if tested:
                prepare_test(dataset)
            folder = default_folder(dataset) if prepared is None else Path(prepared)
            training, validation = load_training(dataset, folder, config)
            if distributed.is_first():
                rehearse_folder(run.path, [(config, len(training.identities))])
            file = None if pretrained is None else pretrained_file(Path(pretrained))
            weights = None if file is None else load_pretrained(file, config.model, len(training.identities))
            earlier = None if file is None else read_trained_on(file)
            described = replace_fields(
                describe_people(dataset, training.identities, data),
                prepared=str(real_path(folder)),
                pretrained=None if file is None else str(real_path(file)),
                pictures=training.fingerprint(),
                recipe=name_recipe(config),
                validation=None if validation is None else validation_protocol_of(dataset).name,
            )
            if earlier is not None:  # the network has been trained on these people, too
                described = replace_fields(described, marks=tuple(dict.fromkeys((*described.marks, *earlier.marks))))
                if tested and file is not None and (seen := trained_people(described, dataset, data)):
                    raise ProtocolError(describe_trained(file, earlier, dataset, seen, "or train with --evaluate none"))
        with ExitStack() as stack:
            with distributed.agreement():
                if distributed.is_first():
                    stack.enter_context(creating_run(run.path, config, described, replace=replace))
            if weights is not None:
                observer.initialised(weights.report)
            finished = engine.fit(
                config,
                training,
                run,
                observer=stack.enter_context(_recorded(run, device, observer)),
                validation=validation,
                initial=None if weights is None else weights.tensors,
            )
    return TrainResult(run, finished)


def resume(
    path: Path | str,
    *,
    changes: Mapping[str, Any] | None = None,
    observer: Observer | None = None,
    data: Path | str | None = None,
    prepared: Path | str | None = None,
    machine: Machine | None = None,
    tested: bool = False,
) -> TrainResult:
    """Resume a run that was stopped or killed; the result is that of an uninterrupted run.

    A run without a checkpoint starts again. If the last checkpoint is damaged, the previous one is used, with a warning
    (`mvd.runs.recover`). With changed settings, such as more epochs, a stopped or finished run continues from its last
    step; each change is recorded in the run with its step.

    Args:
        path: the run folder.
        changes: new values of settings, by dotted names, such as {"schedule.epochs": 80}. All settings of the
            optimizer except kind and ema, of the schedule, and of the runtime may change.
        observer: observes the run.
        data: new path of the data set, if it has moved.
        prepared: new path of the prepared arrays, if they have moved within or out of the data set.
        machine: framework, device, precision, workers and batch; by default the run's, if available. Given values are
            changes too. Another framework, precision or device changes the bits of the result.
        tested: whether the run will be tested on the data set; if so, check beforehand that it can be.

    Raises:
        ConfigError: a setting must not change in a resumed run, or has a wrong value.
        RunError: there is no run, another process works on it, its data set has other identities or pictures now, or a
            checkpoint in it belongs to another run.
        DatasetError: the data set is missing, or cannot be used for training.
        CheckpointError: all its checkpoints are damaged, or its initial weights are missing.
        MvdError: as for `train`.
    """
    run, observer = open_run(Path(path)), observer or Observer()
    machine = machine or Machine()
    wanted = _changed(run, changes or {}, machine)
    engine, config, lines = fit_machine(wanted, machine)
    for line in lines:
        observer.noted(line)
    with distributed.joined(config.runtime), _locked(run):
        with distributed.agreement():
            inputs = _inputs_of(run, config, engine.check(config), data, prepared, tested=tested)
        with distributed.agreement():
            begun = False
            if distributed.is_first():
                rehearse_folder(run.path, [(config, len(run.data.identities))], remedy="disk for the run")
                if inputs.described != run.data:
                    run.move_data(inputs.described)
                meta = recover(run)
                begun = meta is not None
                if changed := find_changes(run.config, wanted):
                    step, epoch = (0, 0) if meta is None else (meta.step, meta.epoch)
                    if "schedule.epochs" in changed and wanted.schedule.epochs <= epoch:
                        raise ConfigError(
                            f"schedule.epochs: expected more than the {counted(epoch, 'epoch')} that the run has "
                            f"taken, found {wanted.schedule.epochs}; give more, or leave it out"
                        )
                    run.change(step, epoch, changed)
        begun = distributed.broadcast(begun)
        with distributed.agreement():
            weights = None if begun else _initial_weights(run, config)
        with _recorded(run, inputs.device, observer) as recorder:
            finished = engine.fit(
                config,
                inputs.training,
                run,
                observer=recorder,
                validation=inputs.validation,
                resume=begun,
                initial=None if weights is None else weights.tensors,
            )
    return TrainResult(run, finished)


def _changed(run: RunFolder, changes: Mapping[str, Any], machine: Machine) -> RunConfig:
    """Return a run's configuration with changes, and with the requested settings of the machine."""
    wanted = apply_changes(run.config, changes)
    if refused := refused_changes(find_changes(run.config, wanted)):
        raise ConfigError(
            f"{run.path}: expected changes of optimizer (but kind and ema), schedule and runtime, which a run can "
            f"take as it goes on, found {', '.join(refused)}; start a new run from its weights: mvd train DATA "
            f"--pretrained {run.path} --out NEW"
        )
    asked = {
        "framework": None if machine.framework == "auto" else machine.framework,
        "runtime.device": None if machine.device == "auto" else machine.device,
        "runtime.precision": None if machine.precision == "auto" else machine.precision,
        "runtime.workers": machine.workers or None,
        "runtime.embed_batch": machine.batch or None,
    }
    return apply_changes(wanted, {name: value for name, value in asked.items() if value is not None})


@contextmanager
def _locked(run: RunFolder) -> Iterator[None]:
    """Hold the lock of a run; in a distributed run, the first process holds it."""
    with ExitStack() as stack:
        with distributed.agreement():
            if distributed.is_first():
                stack.enter_context(run.locked())
        yield


@contextmanager
def _recorded(run: RunFolder, device: str, observer: Observer) -> Iterator[Observer]:
    """Record the state of a run while it trains; if its data set vanishes, the error says how to resume."""
    with ExitStack() as stack:
        if distributed.is_first():
            observer = Observers(stack.enter_context(recorded(run, device)), observer)
        try:
            yield observer
        except DatasetError as error:
            raise DatasetError(f"{error}; then continue with: mvd train --resume {shell_words(run.path)}") from error


def _inputs_of(
    run: RunFolder,
    config: RunConfig,
    device: str,
    data: Path | str | None,
    prepared: Path | str | None,
    *,
    tested: bool,
) -> _Inputs:
    """Find a run's data set and arrays at their present paths, and check that they are unchanged."""
    was = run.data
    root = Path(was.root) if data is None else real_path(data)
    if not root.exists():
        raise DatasetError(
            f"{root}: expected the data set that the run was started on, found nothing there; restore it, or name its "
            f"new place: mvd train DATA --resume {shell_words(run.path)}"
        )
    arrays = Path(was.prepared) if prepared is None else real_path(prepared)
    if prepared is None and arrays.is_relative_to(_folder(Path(was.root))):
        arrays = _folder(root) / arrays.relative_to(_folder(Path(was.root)))
    dataset = scan(root, trial=config.data.trial)
    if tested:
        prepare_test(dataset)
    training, validation = load_training(dataset, arrays, config)
    if tuple(training.identities.tolist()) != was.identities:
        raise RunError(
            f"{root}: expected the {counted(len(was.identities), 'person')} that the run was started with, found "
            f"others in {dataset.people_lists}; restore them or start a new run"
        )
    if was.pictures not in (None, training.fingerprint()):
        raise RunError(
            f"{arrays}: expected the training pictures that the run was started with, found others, or prepared in "
            f"another way; prepare them as they were or start a new run"
        )
    described = replace_fields(was, root=str(root), prepared=str(arrays))
    return _Inputs(device=device, described=described, training=training, validation=validation)


def _folder(root: Path) -> Path:
    """Return the folder of a data set; for a table of own pictures, the folder that contains it."""
    return root.parent if root.suffix.lower() == ".csv" else root


def _initial_weights(run: RunFolder, config: RunConfig) -> Match | None:
    """Reload the initial weights of a run without a checkpoint; None if it starts from the seed."""
    file = run.data.pretrained
    if file is None:
        return None
    if not Path(file).exists():
        raise CheckpointError(
            f"{file}: expected the weights that the run starts from, as it has no checkpoint yet, found none; restore "
            f"the file, or start the run again with another: --pretrained FILE --replace"
        )
    return load_pretrained(Path(file), config.model, len(run.data.identities))
