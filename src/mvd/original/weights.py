"""Weights of the whole network as files by themselves, under the release's names, and from wherever they come.

Ours, such as epoch_10_rank1_52.31_mAP_49.80.safetensors, hold the network and, in their metadata, the configuration
and the people of its run, so they can be evaluated wherever they are carried; the optimiser stays in the run folder.
Foreign ones (`mvd.weights`) hold the network alone, and what they are of has to be told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from mvd.commands.engine import load_engine
from mvd.config import RunConfig, to_json
from mvd.data.arrays import default_folder
from mvd.data.samples import Dataset, Modality
from mvd.data.sources import Held
from mvd.errors import CheckpointError
from mvd.runs import (
    CheckpointMeta,
    CheckpointName,
    RunData,
    RunFolder,
    Tensors,
    create_run,
    load_checkpoint,
    open_run,
    read_config,
    read_metadata,
)
from mvd.weights.formats.files import read_weights, write_weights
from mvd.weights.names import OURS, recognise, to_our_names

_UNTRAINED = CheckpointMeta(step=0, epoch=0, metrics={}, best=None)


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Weights of the whole network.

    Attributes:
        file: where they come from.
        tensors: by our names.
        config: the configuration of the run that they are of; None if that is not known.
        data: what that run was trained on; None if that is not known.
    """

    file: Path
    tensors: Tensors
    config: RunConfig | None = None
    data: RunData | None = None

    @property
    def classes(self) -> int:
        """People that the network tells apart."""
        return len(self.tensors["shared.neck.classifier.weight"])


def weights_name(epoch: int, rank_1: float, mAP: float, *, best: bool = False) -> str:
    """Name a file of weights by its epoch, from 1, and its figures, from 0 to 1."""
    name = f"epoch_{epoch:02}_rank1_{100 * rank_1:.2f}_mAP_{100 * mAP:.2f}.safetensors"
    return f"best_{name}" if best else name


def keep_weights(run: RunFolder, name: CheckpointName, file: Path) -> None:
    """Write the weights of a run's checkpoint into a file of their own, whole or not at all.

    Raises:
        CheckpointError: the checkpoint cannot be read, or the file cannot be written.
    """
    tensors, meta = load_checkpoint(run.checkpoint(name))
    metadata = {
        "mvd": json.dumps(asdict(meta)),
        "config": to_json(run.config),
        "data": json.dumps(asdict(run.data)),
        "card": run.card(meta).to_json(),
    }
    write_weights(file, to_our_names(tensors, OURS).tensors, "safetensors", metadata=metadata)


def load_weights(path: Path) -> Weights:
    """Load the weights of a run folder (its best), of a checkpoint in one, or of a file of ours or of a release.

    Raises:
        RunError: a folder is no run, or has no checkpoint.
        CheckpointError: a file is missing, damaged, or holds something else than the whole network.
    """
    if path.is_dir():
        return _of_run(open_run(path), open_run(path).best_checkpoint)
    if (path.parent.parent / "config.json").is_file():
        return _of_run(open_run(path.parent.parent), path)
    metadata = read_metadata(path)
    if not {"config", "data"} <= metadata.keys():
        return Weights(file=path, tensors=_tensors(path))
    try:
        data = json.loads(metadata["data"])
        described = RunData(**{**data, "identities": tuple(data["identities"])})
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckpointError(
            f"{path}: expected to read in it what its weights were trained on, found something else ({error}); take "
            f"the file that train.py wrote"
        ) from error
    return Weights(file=path, tensors=_tensors(path), config=read_config(path), data=described)


def require_fit(weights: Weights, config: RunConfig) -> None:
    """Check that weights are of the network that a configuration builds, by having them describe a black picture.

    Raises:
        CheckpointError: they are of another one.
    """
    picture = np.zeros((1, config.data.height, config.data.width, 3), np.uint8)
    modality = np.array([Modality.VISIBLE], np.int64)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "weights.safetensors"
        write_weights(file, weights.tensors, "safetensors", metadata={"mvd": json.dumps(asdict(_UNTRAINED))})
        try:
            load_engine(config).embed(config, weights.classes, file, Held(picture), modalities=modality)
        except CheckpointError as error:
            named = str(error).replace(str(file), str(weights.file))
            raise CheckpointError(f"{named}; give the --arch and --z_dim that they were trained with") from error


def describe_people(dataset: Dataset, people: npt.NDArray[np.int64]) -> RunData:
    """Describe the people of a data set whom weights were trained on."""
    return RunData(
        root=str(dataset.root.resolve()),
        prepared=str(default_folder(dataset).resolve()),
        dataset=dataset.name,
        identities=tuple(people.tolist()),
        trial=dataset.trial,
    )


@contextmanager
def as_run(weights: Weights, config: RunConfig, data: RunData) -> Iterator[RunFolder]:
    """Write weights into a run folder, as its best checkpoint; the folder is gone afterwards.

    Args:
        weights: the weights.
        config: the configuration to use them with.
        data: what they were trained on.
    """
    with TemporaryDirectory() as folder:
        run = create_run(Path(folder) / "run", config, data, replace=False)
        run.save_checkpoint("best", weights.tensors, _UNTRAINED)
        yield run


def _of_run(run: RunFolder, checkpoint: Path) -> Weights:
    return Weights(file=checkpoint, tensors=_tensors(checkpoint), config=run.config, data=run.data)


def _tensors(file: Path) -> Tensors:
    tensors, _ = read_weights(file)
    naming = recognise(tensors)
    if naming is None or not naming.whole:
        raise CheckpointError(
            f"{file}: expected the weights of a whole MVD network, found {naming.title if naming else 'others'}; "
            f"encoders alone go to --pretrain"
        )
    return to_our_names(tensors, naming).tensors
