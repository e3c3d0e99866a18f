"""Open a data set for training and validation, and check everything that can be checked beforehand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from mvd.config import RunConfig
from mvd.data.identity import fingerprint, mark_people, name_people
from mvd.data.pictures import ConcatPictures
from mvd.data.prepared.arrays import default_folder, load_prepared, preparing_command
from mvd.data.samples import Dataset, Modality, Samples, concatenate, or_split
from mvd.data.sampling import require_identities
from mvd.data.training import TrainingData
from mvd.errors import DatasetError, ProtocolError, counted
from mvd.files.regular import real_path
from mvd.metrics.protocols import Protocol, validation_protocol
from mvd.metrics.scores import rehearse
from mvd.metrics.validation import Validation
from mvd.runs import RunData


def load_training(dataset: Dataset, prepared: Path, config: RunConfig) -> tuple[TrainingData, Validation | None]:
    """Open the prepared pictures, and divide them into training and validation identities.

    Returns:
        The training data; and the validation data, or None if the data set has none or the run trains on them.

    Raises:
        DatasetError: the arrays are missing, damaged or of another size than the run's; or there are too few
            identities.
    """
    if not len(dataset.train):
        raise DatasetError(
            f"{dataset.root}: expected identities to train on, found none; list them in "
            f"{dataset.people_lists}{or_split(dataset)}"
        )
    wanted = (config.data.height, config.data.width)
    pictures = load_prepared(dataset, prepared, wanted)
    found = pictures[0].size
    if found != wanted:
        raise DatasetError(
            f"{prepared}: expected prepared pictures of {wanted[0]}×{wanted[1]}, found {found[0]}×{found[1]}; run: "
            f"{preparing_command(dataset, prepared, wanted)}; or train a new run with --data.height {found[0]} "
            f"--data.width {found[1]}"
        )
    people = training_people(dataset, config)
    require_identities(len(people), config.sampling.identities, dataset.people_lists)
    visible, infrared = (of_modality.of_people(people) for of_modality in pictures)
    training = TrainingData(visible=visible, infrared=infrared, identities=people)
    if config.data.train_on == "train+validation" or not len(dataset.validation):
        return training, None
    held_out = [of_modality.of_people(dataset.validation.people) for of_modality in pictures]
    samples = concatenate([part.samples for part in held_out])
    protocol = rehearse_validation(dataset, samples)
    if protocol is None:
        return training, None
    return training, Validation(pictures=ConcatPictures(held_out), samples=samples, protocol=protocol)


def training_people(dataset: Dataset, config: RunConfig) -> npt.NDArray[np.int64]:
    """Return the identities that a configuration trains on (`data.train_on`), ascending."""
    if config.data.train_on == "train":
        return dataset.train.people
    return np.union1d(dataset.train.people, dataset.validation.people)


def rehearse_validation(dataset: Dataset, samples: Samples) -> Protocol | None:
    """Check before training that a network can be validated.

    Args:
        dataset: the data set.
        samples: table of the pictures of its validation people.

    Returns:
        The validation protocol; None without validation people.

    Raises:
        ProtocolError: there are no queries, no gallery, or no query with a match.
    """
    if not len(samples):
        return None
    protocol = validation_protocol_of(dataset)
    try:
        rehearse(samples, protocol)
    except ProtocolError as error:
        raise ProtocolError(f"{dataset.root}: {error}; or choose other people in {dataset.people_lists}") from error
    return protocol


def describe_people(dataset: Dataset, people: npt.NDArray[np.int64], root: Path | None = None) -> RunData:
    """Describe the training data of weights, so that they can be recognised later.

    Args:
        dataset: the data set.
        people: (K,) the training identities, in the order of the classes.
        root: the table of own pictures, if the data set is one.
    """
    trained = concatenate([dataset.train, dataset.validation])
    return RunData(
        root=str(real_path(root or dataset.root)),
        prepared=str(real_path(default_folder(dataset))),
        dataset=dataset.name,
        identities=tuple(people.tolist()),
        trial=dataset.trial,
        people=tuple(name_people(dataset, people.tolist()).values()),
        marks=tuple(mark_people(dataset, trained.take(np.isin(trained.identities, people)))),
        fingerprint=fingerprint(dataset),
    )


def validation_protocol_of(dataset: Dataset) -> Protocol:
    """Return the validation protocol of a data set."""
    return validation_protocol(dataset.name, cameras=bool(dataset.validation.cameras.any()))


def describe_dataset(dataset: Dataset) -> str:
    """Summarise a data set in one line."""
    parts = []
    for name, table in (("train", dataset.train), ("validation", dataset.validation), ("test", dataset.test)):
        counts = " + ".join(f"{len(table.of(modality))} {modality.name.lower()}" for modality in Modality)
        parts.append(f"{name} {counted(len(table.people), 'person')} ({counts})")
    return ", ".join(parts)
