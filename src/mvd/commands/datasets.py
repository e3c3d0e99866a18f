"""From a data set's folder to what a run trains on and is judged by; every check that can be made is made here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from mvd.config import RunConfig
from mvd.data.arrays import PreparedPictures, load_prepared
from mvd.data.samples import Dataset, Modality, concatenate
from mvd.data.sampling import require_identities
from mvd.data.sources import Joined
from mvd.engine import Embed, TrainingData
from mvd.errors import DatasetError
from mvd.metrics.features import Features
from mvd.metrics.protocols import Protocol, validation_protocol
from mvd.metrics.scores import evaluate

Validate = Callable[[Embed], Mapping[str, float]]

_FINGERPRINTED = 32  # pictures of each modality


def load_training(dataset: Dataset, prepared: Path, config: RunConfig) -> tuple[TrainingData, Validate | None]:
    """Open the prepared pictures and deal them into those to train on and those to validate on.

    Returns:
        The training data, and the function that measures a network on the validation identities, or None when there
        are none, or the configuration trains on those too.

    Raises:
        DatasetError: the arrays are missing, damaged or of another size than the run's; or there are too few people.
    """
    if not len(dataset.train):
        raise DatasetError(
            f"{dataset.root}: expected people to train on, found none; name them in {dataset.people_lists}, or let "
            f"mvd split deal the people"
        )
    pictures = load_prepared(dataset, prepared)
    _require_size(pictures[0].size, prepared, config)
    everybody = config.data.train_on == "train+validation"
    people = np.union1d(dataset.train.people, dataset.validation.people) if everybody else dataset.train.people
    require_identities(len(people), config.sampling.identities, dataset.people_lists)
    visible, infrared = (of_modality.of_people(people) for of_modality in pictures)
    data = TrainingData(visible=visible, infrared=infrared, identities=people)
    return data, None if everybody or not len(dataset.validation) else _validation(dataset, pictures, config)


def validation_protocol_of(dataset: Dataset) -> Protocol:
    """Choose the protocol by which a network is measured on the validation identities of a data set."""
    return validation_protocol(dataset.name, cameras=bool(dataset.validation.cameras.any()))


def _validation(dataset: Dataset, pictures: tuple[PreparedPictures, ...], config: RunConfig) -> Validate:
    held_out = [of_modality.of_people(dataset.validation.people) for of_modality in pictures]
    samples = concatenate([part.samples for part in held_out])
    protocol = validation_protocol_of(dataset)

    pictures_held_out = Joined(held_out)

    def validate(embed: Embed) -> Mapping[str, float]:
        mean = evaluate(
            Features(descriptors=embed(pictures_held_out, samples.modalities), samples=samples), protocol
        ).mean
        return {"rank-1": mean.rank_1, "mAP": mean.mAP, "mINP": mean.mINP}

    return validate


def _require_size(found: tuple[int, int], prepared: Path, config: RunConfig) -> None:
    wanted = config.data.height, config.data.width
    if found != wanted:
        raise DatasetError(
            f"{prepared}: expected prepared pictures of {wanted[0]}×{wanted[1]}, found {found[0]}×{found[1]}; prepare "
            f"them with --height {wanted[0]} --width {wanted[1]}, or train with --data.height {found[0]} "
            f"--data.width {found[1]}"
        )


def fingerprint(data: TrainingData) -> str:
    """Compute a short name for the training pictures: their number, people and cameras, and the bytes of some of them.

    The same pictures prepared in another way have another one, wherever they lie.
    """
    found = hashlib.blake2b(digest_size=8)
    for pictures in (data.visible, data.infrared):
        found.update(pictures.samples.identities.tobytes() + pictures.samples.cameras.tobytes())
        some = np.linspace(0, len(pictures) - 1, num=min(len(pictures), _FINGERPRINTED), dtype=np.int64)
        found.update(pictures.read(some).tobytes())
    return found.hexdigest()


def describe_dataset(dataset: Dataset) -> str:
    """Say in one line what was found."""
    parts = []
    for name, table in (("train", dataset.train), ("validation", dataset.validation), ("test", dataset.test)):
        counts = " + ".join(f"{len(table.of(modality))} {modality.name.lower()}" for modality in Modality)
        parts.append(f"{name} {len(table.people)} people ({counts})")
    return ", ".join(parts)
