"""Recipes: complete configurations by name, each saying where its numbers come from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mvd.config import (
    AugmentConfig,
    CosineSchedule,
    DataConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    RunConfig,
    SamplingConfig,
)

MVD = RunConfig()
"""The paper's losses with what later work showed to help: the default.

Network, weights of VSD and VCD, temperature and label smoothing are those of the released codes; the weight of VML is
ours. Hetero-centre triplet on unit features, padding before the crop, channel exchange, erasing, a last stride of 1
and a cosine schedule are the common practice of the field since. Meant for SYSU-MM01 at 288 × 144 on a GPU; not yet
run there by us.
"""

DEMO = RunConfig(
    data=DataConfig(height=96, width=48),
    sampling=SamplingConfig(identities=16, pictures=2, steps_per_epoch=100),
    augment=AugmentConfig(pad=4, erase=0.3, erase_area=(0.02, 0.2)),
    model=ModelConfig(
        arch="resnet18",
        base_width=16,
        last_stride=2,
        bottleneck_widths=(256, 256),
        z_dim=128,
        classifier_width=128,
    ),
    losses=LossConfig(metric="triplet"),
    optimizer=OptimizerConfig(kind="adamw", lr=1e-2, weight_decay=0.05),
    schedule=CosineSchedule(epochs=15, warmup_epochs=1.0),
)
"""A small network on small pictures, trained from nothing in minutes on two cores; our own numbers (docs/LOG.md)."""

RECIPES: Mapping[str, RunConfig] = MappingProxyType({"mvd": MVD, "demo": DEMO})
