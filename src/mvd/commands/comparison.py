"""What exported programs are compared and measured on: a run's own test pictures, or rendered ones where they are gone.

Shapes: B batch, H × W pixels, N pictures, D width of a descriptor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from mvd.commands.evaluate import choose_protocols, load_galleries, pictures_of
from mvd.config import RunConfig
from mvd.data.layouts import scan
from mvd.data.samples import Dataset, Samples
from mvd.data.sources import Held, Pictures
from mvd.errors import ConfigError, DatasetError
from mvd.metrics.features import Features
from mvd.metrics.scores import Result
from mvd.metrics.scores import evaluate as score
from mvd.runs import RunFolder
from mvd.synthetic import SyntheticConfig, even_plan, render

Floats: TypeAlias = npt.NDArray[np.float32]

_COMPARED = 32
_CALIBRATED = 128
_SYNTHETIC_PEOPLE = 3


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Pictures to compare descriptors on.

    Attributes:
        pictures: N of them.
        modalities: (N,), a `Modality` each.
        described: what they are, in words.
        measure: figures of descriptors (N, D); none where the pictures are not all that are tested on.
        calibration: gives training pictures, M of them, and their modalities (M,).
    """

    pictures: Pictures
    modalities: npt.NDArray[np.int64]
    described: str
    measure: Callable[[Floats], tuple[Result, ...]]
    calibration: Callable[[], tuple[Pictures, npt.NDArray[np.int64]]]


def comparison(
    run: RunFolder, config: RunConfig, data: Path | None, protocols: Sequence[str], *, measure: bool
) -> Comparison:
    """Choose what the programs of a run are compared on.

    Args:
        run: the run.
        config: its configuration, as it is embedded with.
        data: another data set than the run's own; None for its own.
        protocols: what to measure; the customary ones, if there are none.
        measure: whether to take all test pictures and measure, or only some and compare.

    Raises:
        DatasetError: `data` is none, or its own is there and damaged.
        ProtocolError: there is no such protocol.
    """
    root = data or Path(run.data.root)
    if data is None and not root.exists():
        return _rendered(config, root)
    dataset = scan(root, trial=run.data.trial or 1)
    if not len(dataset.test):
        raise DatasetError(f"{root}: expected test pictures, found none; name people in {dataset.people_lists}")
    samples = dataset.test if measure else dataset.test.take(_spread(len(dataset.test), _COMPARED))
    return Comparison(
        pictures=pictures_of(dataset.root, samples, config),
        modalities=samples.modalities,
        described=f"{len(samples)} test pictures of {root}",
        measure=_measure(dataset, protocols) if measure else lambda _: (),
        calibration=lambda: _training_pictures(dataset, config),
    )


def _measure(dataset: Dataset, patterns: Sequence[str]) -> Callable[[Floats], tuple[Result, ...]]:
    chosen = choose_protocols(dataset, patterns)
    galleries = load_galleries(dataset, chosen)

    def measure(descriptors: Floats) -> tuple[Result, ...]:
        features = Features(descriptors=descriptors, samples=dataset.test)
        return tuple(score(features, protocol, galleries) for protocol in chosen)

    return measure


def _training_pictures(dataset: Dataset, config: RunConfig) -> tuple[Pictures, npt.NDArray[np.int64]]:
    """Take training pictures, spread over all people; never test pictures."""
    if not len(dataset.train):
        raise ConfigError(
            f"{dataset.root}: expected training pictures to calibrate int8 on, found none; export fp32 or fp16"
        )
    samples: Samples = dataset.train.take(_spread(len(dataset.train), _CALIBRATED))
    return pictures_of(dataset.root, samples, config), samples.modalities


def _rendered(config: RunConfig, root: Path) -> Comparison:
    synthetic = SyntheticConfig(plan=even_plan(train=_SYNTHETIC_PEOPLE, validation=0, test=1, pictures=1))
    size = config.data.width, config.data.height
    shots = [(person, sensor) for person in synthetic.plan.people for sensor in synthetic.plan.rig.sensors]
    pictures = np.stack(
        [
            np.asarray(Image.fromarray(render(synthetic, person, sensor, 1)).resize(size, Image.Resampling.LANCZOS))
            for person, sensor in shots
        ]
    )

    def refuse() -> tuple[Pictures, npt.NDArray[np.int64]]:
        raise ConfigError(f"{root}: expected training pictures to calibrate int8 on, found none; say where: --data")

    return Comparison(
        pictures=Held(pictures),
        modalities=np.array([sensor.modality for _, sensor in shots], np.int64),
        described=f"{len(pictures)} rendered pictures, for {root} is gone",
        measure=lambda _: (),
        calibration=refuse,
    )


def _spread(number: int, wanted: int) -> npt.NDArray[np.int64]:
    """Choose rows that are spread evenly over all, or all where there are no more."""
    return np.unique(np.linspace(0, number - 1, min(number, wanted)).round().astype(np.int64))
