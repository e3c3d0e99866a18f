"""The small twin of a recipe: its method with a small network on small pictures, from random weights, for CPUs."""

from __future__ import annotations

from dataclasses import replace

from mvd.config.data import SamplingConfig
from mvd.config.optimisation import CosineSchedule, OptimizerConfig
from mvd.config.run import RunConfig


def small_twin(config: RunConfig) -> RunConfig:
    """Combine a recipe's parts and losses with the demo's network size, pictures, batch, optimizer and schedule.

    Those numbers were chosen for MVD on the demo's people (docs/LOG.md): ResNet-18 of width 16 with stride 2 in the
    last stage, 96 × 48, 16 identities × (2 + 2), AdamW at 1e-2. Metric losses use unit features: without normalisation,
    the features of a randomly initialised network shrink until only the margin remains. The validation identities are
    held out.

    Example:
        >>> small_twin(RunConfig()).data.height
        96
    """
    return replace(
        config,
        data=replace(config.data, height=96, width=48, train_on="train"),
        sampling=SamplingConfig(identities=16, pictures=2, steps_per_epoch=100),
        augment=replace(config.augment, pad=min(config.augment.pad, 4)),
        model=replace(
            config.model,
            arch="resnet18",
            base_width=16,
            last_stride=2,
            bottleneck_widths=(256, 256),
            z_dim=128,
            classifier_width=128,
            strip_width=64,
        ),
        losses=replace(config.losses, unit_features=True),
        optimizer=OptimizerConfig(kind="adamw", lr=1e-2, weight_decay=0.05, ema=config.optimizer.ema),
        schedule=CosineSchedule(epochs=15, warmup_epochs=1.0),
    )
