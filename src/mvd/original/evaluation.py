"""eval.py: evaluate weights, and write the release's result file in the current folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mvd.commands.data.training_data import describe_people
from mvd.commands.results.evaluate import describe_trained, trained_people
from mvd.data.samples import Dataset
from mvd.distributed.launch import process_count, process_index
from mvd.errors import CheckpointError, ConfigError, ProtocolError
from mvd.files.names import shell_words
from mvd.original.arguments import Arguments, parse_evaluation
from mvd.original.cloud import without_credentials
from mvd.original.devices import (
    choose_device,
    choose_framework,
    describe_framework,
    launch_on_devices,
    require_device,
    require_devices,
)
from mvd.original.performance import PerformanceFile, final_lines
from mvd.original.program import data_folder, measure, notes, protocol_pattern, run_program, scan_data, search_title
from mvd.original.settings import RELEASE, configure
from mvd.original.weights import NetworkWeights, as_run, load_weights, require_fit
from mvd.runs import RunData


def main(arguments: Sequence[str] | None = None) -> int:
    """Run eval.py with these arguments, or the process's; the exit code is 0, 1 for a user's error, 130 for Ctrl-C."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return run_program("eval.py", lambda: _main(parse_evaluation(given), given))


def _main(arguments: Arguments, given: Sequence[str]) -> int:
    if arguments.resume is None:
        raise ConfigError("--resume: expected a run folder or a file of weights to evaluate, found none")
    target = arguments.device_target or "CPU"
    framework, device = choose_framework(arguments, target), choose_device(arguments, target)
    weights = load_weights(arguments.resume)
    _require_own_trial(arguments, weights)
    config = configure(arguments.settings, weights.config or RELEASE)
    config = replace(config, framework=framework, runtime=replace(config.runtime, device=device))
    if framework == "mindspore" and arguments.settings.ms_mode is None:
        config = replace(config, runtime=replace(config.runtime, compile=True))  # the original's default
    require_device(config)
    require_fit(weights, config)
    data = data_folder(arguments, target, Path((weights.data and weights.data.root) or "data"))
    dataset = scan_data(arguments, data, config.data.trial)
    trained_on = weights.data or _guess_people(weights, dataset)
    if seen := trained_people(trained_on, dataset, data):
        raise ProtocolError(describe_trained(weights.file, trained_on, dataset, seen))
    if arguments.devices > process_count():
        require_devices(arguments, config)
        return launch_on_devices(arguments, "mvd.original.evaluation", given)
    first = process_index() == 0
    performance = PerformanceFile(Path(f"{arguments.dataset}_eval_performance.txt" if first else os.devnull))
    lines = notes(arguments, target)
    if arguments.settings.ms_mode == "GRAPH_MODE" and framework == "pytorch":
        lines.insert(0, "--MSmode GRAPH_MODE: a test is over before compiling pays; the eager network is evaluated")
    typed = shell_words(*map(without_credentials, given))
    performance.write(describe_framework(config), f"Args: {typed}", *lines, f"Weights: {weights.file}")
    protocol = protocol_pattern(arguments, data)
    with as_run(weights, config, trained_on) as run:
        result = measure(run.path, protocol, "best", data, config.data.trial)
    performance.write(*final_lines(search_title(arguments), result, ""))
    return 0


def _require_own_trial(arguments: Arguments, weights: NetworkWeights) -> None:
    trained = weights.data.trial if weights.data else None
    asked = arguments.settings.trial
    if trained is not None and asked not in (None, trained):
        raise ProtocolError(
            f"{weights.file}: expected --trial {trained}, which these weights were trained on, found {asked}, whose "
            f"test identities they have seen in training; omit it, or evaluate the weights of that trial"
        )


def _guess_people(weights: NetworkWeights, dataset: Dataset) -> RunData:
    """Guess the training identities of foreign weights by their number."""
    train, validation = dataset.train.people, dataset.validation.people
    for people in (np.union1d(train, validation), train):
        if len(people) == weights.classes:
            return describe_people(dataset, people)
    raise CheckpointError(
        f"{weights.file}: expected weights for the {len(train) + len(validation)} people of {dataset.root} that may be "
        f"trained on, found weights for {weights.classes}; check --data_path and --trial"
    )


if __name__ == "__main__":
    sys.exit(main())
