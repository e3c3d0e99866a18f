"""Training pictures, identity batches and augmentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mvd.config.checks import require, require_at_most
from mvd.config.types import check_types


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Training pictures and their size.

    Attributes:
        height: height of the resized pictures in pixels.
        width: width of the resized pictures in pixels.
        train_on: "train" holds out the validation identities, which choose the best weights; "train+validation"
            trains on them too, as for published figures on SYSU-MM01, and the last weights are evaluated.
        trial: RegDB's split, 1 to 10; other data sets have one split.
    """

    height: int = 288
    width: int = 144
    train_on: Literal["train", "train+validation"] = "train"
    trial: int = 1

    def __post_init__(self) -> None:
        check_types(self, "data.")
        require(1 <= self.trial <= 10, "data.trial", "from 1 to 10", self.trial)
        require(self.height >= 16, "data.height", "at least 16", self.height)
        require(self.width >= 16, "data.width", "at least 16", self.width)
        require_at_most(4096, data__height=self.height, data__width=self.width)


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """Identity batches: P identities, K visible and K infrared pictures of each.

    Attributes:
        identities: P, identities in a batch.
        pictures: K, pictures of each identity in each modality; a batch has 2·P·K (see also `augment.streams`).
        steps_per_epoch: batches in an epoch; 0: as many as show each picture of the larger modality once on average.
    """

    identities: int = 8
    pictures: int = 4
    steps_per_epoch: int = 0

    def __post_init__(self) -> None:
        check_types(self, "sampling.")
        require(self.identities >= 2, "sampling.identities", "at least 2 (a triplet needs a negative)", self.identities)
        require(self.pictures >= 1, "sampling.pictures", "at least 1", self.pictures)
        require(self.steps_per_epoch >= 0, "sampling.steps_per_epoch", "0 or more", self.steps_per_epoch)
        require_at_most(4096, sampling__identities=self.identities, sampling__pictures=self.pictures)
        require_at_most(10**7, sampling__steps_per_epoch=self.steps_per_epoch)


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Random augmentation of training pictures, drawn anew whenever a picture is used.

    Attributes:
        pad: zero padding on each side in pixels, before a random crop of the picture's own size.
        flip: probability of a horizontal flip.
        exchange: probability of random channel exchange (Ye et al., ICCV 2021) in a visible picture: one of red,
            green, blue and grey, equally likely, in all three channels.
        grey: probability that a visible picture becomes grey, exchanged or not.
        erase: probability of random erasing (Zhong et al., AAAI 2020).
        erase_area: smallest and largest area of the erased rectangle, as a share of the picture.
        erase_value: red, green and blue of the erased rectangle, after normalisation; 0 is ImageNet's mean colour.
            CAJ's channel-wise erasing and MSCMNet have 0.4914, 0.4822 and 0.4465.
        streams: streams of a batch. 2: visible and infrared pictures. 3: also each visible picture again, cropped,
            mirrored and erased anew, with one of its channels in all three, as in CAJ (Ye et al., ICCV 2021), which has
            `exchange` 0. 4: also each infrared picture again, brighter or darker by up to a half, as in MSCMNet (Hua et
            al., Pattern Recognition 2025). A batch has `streams`·P·K pictures, and a step takes as much longer.
        amplitude: probability that the low frequencies of a picture take their amplitudes from a picture of the same
            identity in the other modality and keep their phases: its outlines in the other's light and contrast.
            MFEN (CVPR 2026) names the swap; the window is that of FDA (Yang & Soatto, CVPR 2020).
        amplitude_reach: β, the highest frequency that is swapped in each direction, from 0 to 0.5: periods in the
            picture, as a share of its shorter side in pixels.
    """

    pad: int = 10
    flip: float = 0.5
    exchange: float = 0.5
    grey: float = 0.0
    erase: float = 0.5
    erase_area: tuple[float, float] = (0.02, 0.4)
    erase_value: tuple[float, float, float] = (0.0, 0.0, 0.0)
    streams: Literal[2, 3, 4] = 2
    amplitude: float = 0.0
    amplitude_reach: float = 0.1

    def __post_init__(self) -> None:
        check_types(self, "augment.")
        require(self.pad >= 0, "augment.pad", "0 or more", self.pad)
        require_at_most(4096, augment__pad=self.pad)
        for name in ("flip", "exchange", "grey", "erase", "amplitude"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"augment.{name}", "a probability from 0 to 1", value)
        low, high = self.erase_area
        require(0 < low <= high < 1, "augment.erase_area", "0 < smallest <= largest < 1", self.erase_area)
        require(0 <= self.amplitude_reach <= 0.5, "augment.amplitude_reach", "from 0 to 0.5", self.amplitude_reach)
        require(max(map(abs, self.erase_value)) <= 10, "augment.erase_value", "from -10 to 10", self.erase_value)
