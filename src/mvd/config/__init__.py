"""The configuration of a run: everything that decides what a training run computes.

One frozen dataclass a concern, and `RunConfig` that holds them; no defaults live anywhere else. A configuration
is written into the run folder as JSON and read back whole, so a run can be continued or evaluated without its
command line. Values are checked once, when an instance is made.
"""

from mvd.config.data import AugmentConfig, DataConfig, SamplingConfig
from mvd.config.files import from_json, to_json
from mvd.config.losses import LossConfig
from mvd.config.model import Descriptor, ModelConfig
from mvd.config.optimisation import CosineSchedule, EpochSchedule, OptimizerConfig, Schedule, StepSchedule
from mvd.config.run import RunConfig
from mvd.config.runtime import RuntimeConfig

__all__ = [
    "AugmentConfig",
    "CosineSchedule",
    "DataConfig",
    "Descriptor",
    "EpochSchedule",
    "LossConfig",
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
