"""Weights files of the whole network, with the release's file names; and foreign weights files.

Our files, such as epoch_10_rank1_52.31_mAP_49.80.safetensors, contain the network and, in their metadata, configuration
and identities of its run, so they can be evaluated anywhere; the optimizer stays in the run folder. A MindSpore run
writes .ckpt files with the release's names, which the release's own eval.py loads; the metadata, which they cannot
store, are written to a .json file beside each. Foreign files (`mvd.weights`) contain only the network.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mvd.config import ModelConfig, RunConfig, from_json, to_json
from mvd.errors import CheckpointError, ConfigError
from mvd.files.atomic import write_json
from mvd.runs import (
    CheckpointName,
    RunData,
    RunFolder,
    Tensors,
    check_finite,
    create_run,
    load_checkpoint,
    open_run,
    read_config,
    read_trained_on,
)
from mvd.runs.recovery import weights_alone
from mvd.weights import count_classes, read_weights, recognise, write_weights
from mvd.weights.load import UNTRAINED, find_misfit
from mvd.weights.names import to_our_names, to_their_names
from mvd.weights.namings import MINDSPORE_RELEASE
from mvd.weights.shapes import network_shapes

_LEAVES = {"running_mean": 0, "running_var": 1, "weight": 2, "bias": 3}


@dataclass(frozen=True, kw_only=True)
class NetworkWeights:
    """Weights of the whole network.

    Attributes:
        file: the file of the weights.
        tensors: tensors by our names.
        config: the configuration of their run; None if unknown.
        data: training data of that run; None if unknown.
    """

    file: Path
    tensors: Tensors
    config: RunConfig | None = None
    data: RunData | None = None

    @property
    def classes(self) -> int:
        """Number of classes of the network."""
        return count_classes(self.tensors)


def weights_name(config: RunConfig, epoch: int, rank_1: float, mAP: float, *, best: bool = False) -> Path:
    """Name a weights file by its epoch, from 1, and its figures, from 0 to 1; the framework determines the format.

    >>> weights_name(RunConfig(framework="mindspore"), 10, 0.5231, 0.498).name
    'epoch_10_rank1_52.31_mAP_49.80.ckpt'
    """
    ending = "ckpt" if config.framework == "mindspore" else "safetensors"
    name = f"epoch_{epoch:02}_rank1_{100 * rank_1:.2f}_mAP_{100 * mAP:.2f}.{ending}"
    return Path(f"best_{name}" if best else name)


def keep_weights(run: RunFolder, name: CheckpointName, file: Path) -> None:
    """Write the weights of a run's checkpoint to a separate file, atomically.

    Raises:
        CheckpointError: the checkpoint cannot be read, or the file cannot be written.
        RunError: the .json file beside a .ckpt cannot be written.
    """
    stored, meta = load_checkpoint(run.require_own(run.checkpoint(name)))
    tensors = weights_alone(stored)
    metadata = {
        "mvd": json.dumps(asdict(meta)),
        "config": to_json(run.config),
        "data": json.dumps(asdict(run.data)),
        "card": run.card(meta).to_json(),
    }
    if file.suffix == ".ckpt":
        write_json(_beside(file), metadata)
        ordered = in_release_order(tensors, run.config.model)
        write_weights(file, to_their_names(ordered, MINDSPORE_RELEASE).tensors, "mindspore")
    else:
        write_weights(file, tensors, "safetensors", metadata=metadata)


def in_release_order(tensors: Tensors, model: ModelConfig) -> Tensors:
    """Order tensors as in the release's network: backbones, then bottlenecks; the statistics of a norm first."""
    modules = dict.fromkeys(name.rpartition(".")[0] for name in network_shapes(model, count_classes(tensors)))
    places = {name: place for place, name in enumerate(modules)}

    def place(name: str) -> tuple[bool, int, int]:
        module, _, leaf = name.rpartition(".")
        return ".bottleneck." in name, places.get(module, len(places)), _LEAVES.get(leaf, len(_LEAVES))

    return {name: tensors[name] for name in sorted(tensors, key=place)}


def discard_weights(file: Path) -> None:
    """Delete the files of `keep_weights`."""
    file.unlink(missing_ok=True)
    if file.suffix == ".ckpt":
        _beside(file).unlink(missing_ok=True)


def load_weights(path: Path) -> NetworkWeights:
    """Load the weights of a run folder (the best), of a checkpoint in a run folder, or of our or a release's file.

    Raises:
        RunError: the folder is not a run folder, or has no checkpoint.
        CheckpointError: the file is missing, damaged, or contains something other than the whole network.
    """
    if path.is_dir():
        run, file = open_run(path), open_run(path).best_checkpoint
    elif (path.parent.parent / "config.json").is_file():
        run = open_run(path.parent.parent)
        file = run.require_own(path)
    else:
        return _of_file(path)
    return NetworkWeights(file=file, tensors=_tensors(file), config=run.config, data=run.data)


def require_fit(weights: NetworkWeights, config: RunConfig) -> None:
    """Check that weights have the names and shapes of a configuration's network.

    Raises:
        CheckpointError: the weights belong to another network.
    """
    if misfit := find_misfit(weights.tensors, config.model):
        raise CheckpointError(
            f"{weights.file}: expected the weights of this run's network, found {misfit}; give the --arch and --z_dim "
            f"that they were trained with"
        )


@contextmanager
def as_run(weights: NetworkWeights, config: RunConfig, data: RunData) -> Iterator[RunFolder]:
    """Write weights to a temporary run folder, as its best checkpoint.

    Args:
        weights: the weights.
        config: the configuration to use them with.
        data: their training data.
    """
    with TemporaryDirectory() as folder:
        run = create_run(Path(folder) / "run", config, data, replace=False)
        run.save_checkpoint("best", weights.tensors, UNTRAINED)
        yield run


def _of_file(file: Path) -> NetworkWeights:
    """Load a file; files of `mvd push` contain their configuration too."""
    if file.suffix == ".ckpt" and _beside(file).is_file():
        return _with_metadata(file)
    data = read_trained_on(file)
    config = None if data is None else read_config(file)
    return NetworkWeights(file=file, tensors=_tensors(file), config=config, data=data)


def _with_metadata(file: Path) -> NetworkWeights:
    """Load a .ckpt file of a MindSpore run, and the .json file beside it."""
    try:
        metadata = json.loads(_beside(file).read_text(encoding="utf-8"))
        config = from_json(metadata["config"], str(_beside(file)))
        data = RunData(**json.loads(metadata["data"]))
    except (OSError, ValueError, TypeError, KeyError, RecursionError, ConfigError) as error:
        raise CheckpointError(
            f"{_beside(file)}: expected the configuration that train.py wrote for {file.name}, found something else "
            f"({error}); copy it again, or move it away to evaluate the weights alone"
        ) from error
    return NetworkWeights(file=file, tensors=_tensors(file), config=config, data=data)


def _beside(file: Path) -> Path:
    return file.with_suffix(".json")


def _tensors(file: Path) -> Tensors:
    tensors, _ = read_weights(file)
    naming = recognise(tensors)
    if naming is None or not naming.whole:
        raise CheckpointError(
            f"{file}: expected the weights of a whole MVD network, found {naming.title if naming else 'others'}; "
            f"encoders alone go to --pretrain"
        )
    if (name := check_finite(tensors)) is not None:
        raise CheckpointError(f"{file}: expected finite weights, found NaN or infinity in {name}; take another file")
    return to_our_names(tensors, naming).tensors
