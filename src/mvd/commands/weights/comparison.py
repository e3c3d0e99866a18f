"""Pictures to compare and evaluate exported programs on: a run's test pictures, or rendered pictures if the data set is
missing.

Shapes: H × W pixels, N pictures, D width of a descriptor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from mvd.commands.results.evaluate import (
    describe_trained,
    is_own_data,
    pictures_of,
    prepare_test,
    trained_people,
    trial_of,
)
from mvd.config import RunConfig
from mvd.data.galleries.official import Permutations
from mvd.data.layouts import scan
from mvd.data.pictures import PictureArray, Pictures
from mvd.data.samples import Dataset
from mvd.errors import ConfigError, DatasetError, ProtocolError, counted
from mvd.metrics.features import Features
from mvd.metrics.protocols import Protocol
from mvd.metrics.scores import Scores
from mvd.metrics.scores import evaluate as score
from mvd.runs import RunFolder
from mvd.synthetic import SyntheticConfig, even_plan, render

Floats: TypeAlias = npt.NDArray[np.float32]
Modalities: TypeAlias = npt.NDArray[np.int64]

_COMPARED = 32
_CALIBRATED = 128
_SYNTHETIC_PEOPLE = 3


@dataclass(frozen=True, kw_only=True)
class ComparisonPictures:
    """Pictures to compare descriptors on.

    Attributes:
        pictures: N pictures.
        modalities: (N,), a `Modality` each.
        described: description of the pictures.
        config: configuration of the run.
        root: folder or table of the data set.
        dataset: the data set; None if it is missing.
        protocols: protocols to evaluate; empty if these are not all test pictures.
        galleries: the official galleries, if a protocol needs them.
        own: whether the data set is the run's own.
    """

    pictures: Pictures
    modalities: Modalities
    described: str
    config: RunConfig
    root: Path
    dataset: Dataset | None = None
    protocols: Sequence[Protocol] = ()
    galleries: Permutations | None = None
    own: bool = True

    def measure(self, descriptors: Floats) -> tuple[Scores, ...]:
        """Evaluate descriptors (N, D) with each protocol."""
        if self.dataset is None or not self.protocols:
            return ()
        features = Features(descriptors=descriptors, samples=self.dataset.test)
        return tuple(score(features, protocol, self.galleries) for protocol in self.protocols)

    def calibration(self) -> tuple[Pictures, Modalities]:
        """Return training pictures, evenly spread over the people, and their modalities; never test pictures.

        Raises:
            ConfigError: there are no training pictures.
        """
        if self.dataset is None:
            raise ConfigError(
                f"{self.root}: expected training pictures to calibrate int8 on, found none; say where: --data"
            )
        if not len(self.dataset.train):
            raise ConfigError(
                f"{self.root}: expected training pictures to calibrate int8 on, found none; export fp32 or fp16"
            )
        samples = self.dataset.train.take(_spread(len(self.dataset.train), _CALIBRATED))
        return pictures_of(self.dataset, samples, self.config), samples.modalities


def comparison_pictures(
    run: RunFolder, config: RunConfig, data: Path | None, protocols: Sequence[str], *, measure: bool
) -> ComparisonPictures:
    """Choose the pictures on which the programs of a run are compared.

    Args:
        run: the run.
        config: its configuration, as used for embedding.
        data: a data set other than the run's own.
        protocols: names or patterns of protocols to evaluate; if empty, the customary protocols.
        measure: whether to evaluate on all test pictures, or only to compare on some of them.

    Raises:
        DatasetError: `data` is not a data set, or the run's own is damaged.
        ProtocolError: there is no such protocol, or the run was trained on some of the test people.
    """
    root = Path(run.data.root) if data is None else data
    if data is None and not root.exists():
        return _rendered(config, root)
    dataset = scan(root, trial=trial_of(run))
    if not len(dataset.test):
        raise DatasetError(f"{root}: expected test pictures, found none; name people in {dataset.people_lists}")
    if measure and (seen := trained_people(run.data, dataset, root)):
        raise ProtocolError(
            describe_trained(run.path, run.data, dataset, seen, "--measure some compares without evaluating")
        )
    chosen, galleries = prepare_test(dataset, protocols) if measure else ((), None)
    samples = dataset.test if measure else dataset.test.take(_spread(len(dataset.test), _COMPARED))
    return ComparisonPictures(
        pictures=pictures_of(dataset, samples, config),
        modalities=samples.modalities,
        described=f"{counted(len(samples), 'test picture')} of {root}",
        config=config,
        root=root,
        dataset=dataset,
        protocols=chosen,
        galleries=galleries,
        own=is_own_data(run.data, dataset, root),
    )


def _rendered(config: RunConfig, root: Path) -> ComparisonPictures:
    synthetic = SyntheticConfig(plan=even_plan(train=_SYNTHETIC_PEOPLE, validation=0, test=1, pictures=1))
    size = config.data.width, config.data.height
    shots = [(person, sensor) for person in synthetic.plan.people for sensor in synthetic.plan.rig.sensors]
    rendered = (Image.fromarray(render(synthetic, person, sensor, 1)) for person, sensor in shots)
    pictures = np.stack([np.asarray(one.resize(size, Image.Resampling.LANCZOS)) for one in rendered])
    return ComparisonPictures(
        pictures=PictureArray(pictures),
        modalities=np.array([sensor.modality for _, sensor in shots], np.int64),
        described=f"{len(pictures)} rendered pictures, for {root} is gone",
        config=config,
        root=root,
    )


def _spread(number: int, wanted: int) -> npt.NDArray[np.int64]:
    """Choose evenly spaced rows, or all rows if there are no more than `wanted`."""
    return np.unique(np.linspace(0, number - 1, min(number, wanted)).round().astype(np.int64))
