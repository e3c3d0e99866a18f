"""The configuration of a run: a frozen dataclass for each part, and `RunConfig`, which contains them.

All defaults are defined here. A run folder stores its configuration as JSON, so a run is resumed and evaluated without
its command line. Values are checked when an instance is created:

>>> from dataclasses import replace
>>> config = replace(RunConfig(), optimizer=OptimizerConfig(kind="sgd", lr=0.1))
>>> from_json(to_json(config), "config.json") == config
True
>>> OptimizerConfig(lr=0)
Traceback (most recent call last):
    ...
mvd.errors.ConfigError: optimizer.lr: expected above 0, found 0
"""

from mvd.config.data import AugmentConfig, DataConfig, SamplingConfig
from mvd.config.files import from_json, to_json
from mvd.config.losses import LossConfig
from mvd.config.model import Descriptor, ModelConfig
from mvd.config.optimisation import CosineSchedule, EpochSchedule, OptimizerConfig, Schedule, StepSchedule
from mvd.config.run import RunConfig
from mvd.config.runtime import Machine, RuntimeConfig

__all__ = [
    "AugmentConfig",
    "CosineSchedule",
    "DataConfig",
    "Descriptor",
    "EpochSchedule",
    "LossConfig",
    "Machine",
    "ModelConfig",
    "OptimizerConfig",
    "RunConfig",
    "RuntimeConfig",
    "SamplingConfig",
    "Schedule",
    "StepSchedule",
    "from_json",
    "to_json",
]
