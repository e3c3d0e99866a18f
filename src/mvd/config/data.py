"""What is trained on, how it is dealt into batches, and how it is augmented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mvd.config.checks import require


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which pictures are trained on, and their size.

    Attributes:
        height: height in pixels to which pictures are resized.
        width: width in pixels to which pictures are resized.
        train_on: "train" leaves the validation identities to choose the best weights by; "train+validation" is
            what published figures on SYSU-MM01 are trained on, and leaves nobody to choose by: the last weights
            count.
        trial: which of RegDB's ten splits of the people, 1 to 10; other data sets have one split.
    """

    height: int = 288
    width: int = 144
    train_on: Literal["train", "train+validation"] = "train"
    trial: int = 1

    def __post_init__(self) -> None:
        require(1 <= self.trial <= 10, "data.trial", "from 1 to 10", self.trial)
        require(self.height >= 16, "data.height", "at least 16", self.height)
        require(self.width >= 16, "data.width", "at least 16", self.width)


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """How an identity batch is made: P identities, K visible and K infrared pictures of each.

    Attributes:
        identities: P, identities in a batch.
        pictures: K, pictures of each identity and modality; the batch holds 2·P·K.
        steps_per_epoch: batches in an epoch; 0 means as many as show each picture of the larger modality once on
            average.
    """

    identities: int = 8
    pictures: int = 4
    steps_per_epoch: int = 0

    def __post_init__(self) -> None:
        require(self.identities >= 2, "sampling.identities", "at least 2 (a triplet needs a negative)", self.identities)
        require(self.pictures >= 1, "sampling.pictures", "at least 1", self.pictures)
        require(self.steps_per_epoch >= 0, "sampling.steps_per_epoch", "0 or more", self.steps_per_epoch)


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Random changes to a training picture, each drawn anew every time that it is shown.

    Attributes:
        pad: pixels of zero padding on each side, before a crop of the original size.
        flip: probability of mirroring left and right.
        exchange: probability that a visible picture shows one of its colour channels (or its grey) in all three:
            random channel exchange (Ye et al., ICCV 2021), with channel and grey equally likely.
        grey: probability that a visible picture is shown in grey, exchanged or not.
        erase: probability that a rectangle is overwritten with the data set's mean colour (random erasing, Zhong
            et al., AAAI 2020).
        erase_area: smallest and largest share of the picture that an erased rectangle covers.
    """

    pad: int = 10
    flip: float = 0.5
    exchange: float = 0.5
    grey: float = 0.0
    erase: float = 0.5
    erase_area: tuple[float, float] = (0.02, 0.4)

    def __post_init__(self) -> None:
        require(self.pad >= 0, "augment.pad", "0 or more", self.pad)
        for name in ("flip", "exchange", "grey", "erase"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"augment.{name}", "a probability from 0 to 1", value)
        low, high = self.erase_area
        require(0 < low <= high < 1, "augment.erase_area", "0 < smallest <= largest < 1", self.erase_area)
