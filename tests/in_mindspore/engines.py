"""The training run of both engines in tests: `tiny_training`, without the differences between the frameworks."""

from __future__ import annotations

from dataclasses import replace

from tiny_training import CONFIG

from mvd.config import AugmentConfig, CosineSchedule, DataConfig, LossConfig, OptimizerConfig

STEPS = CONFIG.sampling.steps_per_epoch

MVD = replace(
    CONFIG,
    data=DataConfig(height=64, width=32),
    augment=AugmentConfig(pad=1, exchange=0.3, erase=0.3),
    model=replace(CONFIG.model, dropout=0.0),
    optimizer=OptimizerConfig(lr=1e-5),
    schedule=CosineSchedule(epochs=4, warmup_epochs=0),
    runtime=replace(CONFIG.runtime, log_every=1),
)
"""Everything of MVD, without dropout, whose draws differ between the frameworks.

At a rate of 1e-3 a metric loss of PyTorch's in two memory layouts is 5 % apart after twenty steps: rounding chooses
other hardest pairs. At rates of 3e-5 and less it is 0.001 % apart.
"""

SHARED = replace(
    MVD,
    model=replace(MVD.model, encoders="shared"),
    losses=LossConfig(metric="triplet", vsd_weight=0.0, vcd_weight=0.0, vml_weight=0.0, shared=1.0),
)
"""One encoder with a bottleneck: a quarter of the time that MindSpore takes to compile MVD."""
