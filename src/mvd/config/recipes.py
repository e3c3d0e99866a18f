"""Recipes: complete configurations by name, each saying where its numbers come from.

Three of them restate published code: what it computes, not what its paper says. What the numbers could not bring
along is said with each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

from mvd.config import (
    AugmentConfig,
    CosineSchedule,
    DataConfig,
    EpochSchedule,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    RunConfig,
    SamplingConfig,
    to_json,
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

MVD_CVPR21 = RunConfig(
    data=DataConfig(height=256, width=128, train_on="train+validation"),
    sampling=SamplingConfig(identities=16, pictures=4, steps_per_epoch=24),
    augment=AugmentConfig(pad=0, exchange=0.0, erase=0.0),
    model=ModelConfig(channel_attention=True, shared_first="grey", descriptor_norm="whole"),
    losses=LossConfig(metric="rank", distillation="released", vml_weight=0.0, cml_weight=8.0),
    optimizer=OptimizerConfig(lr=2.6e-4, decay="all"),
    schedule=EpochSchedule(epochs=600, warmup_epochs=10.0, warmup_start=0.01, milestones=(210,)),
)
"""What the official PyTorch release computes, from its `mm01.py` and what that calls.

Batches of 16 people × (4 + 4), 24 to an epoch of 395 people; mirrored at most; last stride 1 and channel attention;
identity, rank loss, Sinkhorn mutual learning with weight 8, and VSD and VCD as released (probabilities where
log-probabilities belong, teacher and student swapped); weight decay on everything. Its z_dim of 256 is doubled inside:
512 here. Not brought along: its draws of batches, which nobody could repeat, and best weights chosen on test pictures.
"""

MVD_MINDSPORE = RunConfig(
    data=DataConfig(train_on="train+validation"),
    augment=AugmentConfig(pad=0, exchange=0.0, grey=0.5, erase_area=(0.02, 0.33)),
    model=ModelConfig(
        last_stride=2,
        padding="same",
        third_norm="mindspore",
        neck_bias=True,
        grey_weights=(0.2989, 0.5870, 0.1440),
    ),
    losses=LossConfig(
        metric="triplet",
        unit_features=False,
        label_smoothing=0.0,
        vsd_weight=0.0,
        vcd_weight=0.0,
        vml_weight=0.0,
    ),
    optimizer=OptimizerConfig(lr=3.5e-4, encoder_lr_scale=0.1, decay="all"),
    schedule=EpochSchedule(),
)
"""What the MindSpore release computes, from its `train.py` and what that calls.

Identity and batch-hard triplet loss alone: its divergences are built and never used. Crops of the picture's own size,
which do nothing; half of the visible pictures grey. The rate falls tenfold in each epoch from 15 to 27, to 1e-13 of its
peak. The learning rate is that of the code; its README and scripts say 0.0035 (`--optimizer.lr 3.5e-3`). Weights should
start from ImageNet. Its dropout of 0.2 is never used: classifiers have 0.5. Not brought along: batches drawn with
replacement and without a seed, and its second forward pass.
"""

BASELINE = RunConfig(
    model=ModelConfig(encoders="shared", bottleneck=False, metric_neck="before"),
    losses=LossConfig(
        metric="triplet", unit_features=False, vsd_weight=0.0, vcd_weight=0.0, vml_weight=0.0, shared=1.0
    ),
)
"""One encoder for both modalities, identity and batch-hard triplet loss, with the default's schedule and augmentation.

The field's plain baseline (a strong one: Luo et al., CVPRW 2019, whose BN neck it has), to measure anything else by.
"""

AGW = RunConfig(
    data=DataConfig(train_on="train+validation"),
    augment=AugmentConfig(exchange=0.0, erase=0.0),
    model=ModelConfig(
        encoders="shared",
        stems="specific",
        non_local=True,
        pooling="gem",
        bottleneck=False,
        metric_neck="before",
    ),
    losses=LossConfig(
        metric="wrt",
        unit_features=False,
        label_smoothing=0.0,
        vsd_weight=0.0,
        vcd_weight=0.0,
        vml_weight=0.0,
        shared=1.0,
    ),
    optimizer=OptimizerConfig(kind="sgd", lr=0.1, encoder_lr_scale=0.1, decay="all"),
    schedule=EpochSchedule(epochs=81, warmup_epochs=10.0, milestones=(21, 51)),
)
"""AGW (Ye et al., TPAMI 2021, arXiv 2001.04193), the field's common baseline, as its cross-modal code has it.

A stem for each modality, non-local blocks, generalised-mean pooling, weighted-regularisation triplet; SGD at 0.1, a
tenth of it for the encoder, three steps. Weights should start from ImageNet.
"""

RECIPES: Mapping[str, RunConfig] = MappingProxyType(
    {
        "mvd": MVD,
        "mvd-cvpr21": MVD_CVPR21,
        "mvd-mindspore": MVD_MINDSPORE,
        "baseline": BASELINE,
        "agw": AGW,
        "demo": DEMO,
    }
)

SUMMARIES: Mapping[str, str] = MappingProxyType(
    {
        "mvd": "the default: the paper's losses with what later work showed to help",
        "mvd-cvpr21": "what the official PyTorch release computes",
        "mvd-mindspore": "what the MindSpore release computes",
        "baseline": "one shared encoder, identity and triplet loss",
        "agw": "the field's common baseline (Ye et al., TPAMI 2021)",
        "demo": "a small network on small pictures, for a processor",
    }
)
"""What each recipe is, in a line."""


def name_recipe(config: RunConfig) -> str:
    """Name the recipe that a configuration follows, or "custom, from" the one that it differs least from.

    The seed, RegDB's trial and how it is computed (`runtime`) make no other recipe.
    """
    mine = _settings(config)
    differences = {name: len(mine ^ _settings(recipe)) for name, recipe in RECIPES.items()}
    nearest = min(differences, key=differences.__getitem__)
    return f"custom, from {nearest}" if differences[nearest] else nearest


def _settings(config: RunConfig) -> set[tuple[str, str, str]]:
    """List what makes a recipe: part, field and value."""
    parts = json.loads(to_json(config))
    del parts["data"]["trial"], parts["runtime"], parts["seed"], parts["framework"]
    return {(part, name, json.dumps(value)) for part, fields in parts.items() for name, value in fields.items()}
