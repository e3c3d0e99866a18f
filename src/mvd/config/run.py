"""`RunConfig`: the whole configuration of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from mvd.config.checks import require
from mvd.config.data import AugmentConfig, DataConfig, SamplingConfig
from mvd.config.losses import LossConfig
from mvd.config.model import ModelConfig
from mvd.config.optimisation import CosineSchedule, OptimizerConfig, Schedule
from mvd.config.runtime import RuntimeConfig
from mvd.config.types import check_types


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The whole configuration of a training run.

    Attributes:
        seed: seed of initial weights, batches, augmentation and dropout.
        framework: "pytorch" or "mindspore" (docs/mindspore.md); "auto" is PyTorch if it is installed. A run records the
            one that it was started in.
    """

    seed: int = 0
    framework: Literal["auto", "pytorch", "mindspore"] = "auto"
    data: DataConfig = field(default_factory=DataConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: Schedule = field(default_factory=CosineSchedule)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)

    def __post_init__(self) -> None:
        check_types(self, "")
        require(0 <= self.seed < 2**32, "seed", "from 0 to 2**32 - 1", self.seed)

    @property
    def batch_size(self) -> int:
        """Pictures in a batch: `augment.streams` views of P · K pictures (`SamplingConfig`)."""
        return self.augment.streams * self.sampling.identities * self.sampling.pictures
