"""Recipes: complete configurations by name, each with the source of its numbers.

`MVD_CVPR21`, `MVD_MINDSPORE`, `AGW` and `CAJ` follow published code, which is not always what its paper says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

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
    from_json,
)
from mvd.config.compare import Value, config_fields, differing
from mvd.config.recipes.strong import CAJ_ERASED, MVD_STRONG, MVD_STRONG_SMALL
from mvd.config.types import plain
from mvd.errors import ConfigError

RecipeName: TypeAlias = Literal[
    "mvd", "mvd-strong", "mvd-cvpr21", "mvd-mindspore", "baseline", "agw", "caj", "demo", "mvd-strong-small"
]

MVD = RunConfig()
"""The default: the paper's losses with the common practice of later work.

Network, weights of VSD and VCD, temperature and label smoothing are the PyTorch release's; the weight of VML is ours.
Hetero-centre triplet loss on unit features, padded crops, channel exchange, erasing, a last stride of 1 and a cosine
schedule are later practice. Meant for SYSU-MM01 at 288 × 144 on a GPU.
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
"""A small network on small pictures, trained from scratch in minutes on two cores; the numbers are ours
(docs/LOG.md).
"""

MVD_CVPR21 = RunConfig(
    data=DataConfig(height=256, width=128, train_on="train+validation"),
    sampling=SamplingConfig(identities=16, pictures=4, steps_per_epoch=24),
    augment=AugmentConfig(pad=0, exchange=0.0, erase=0.0),
    model=ModelConfig(channel_attention=True, shared_first="grey", descriptor_norm="whole"),
    losses=LossConfig(metric="rank", distillation="released", vml_weight=0.0, cml_weight=8.0),
    optimizer=OptimizerConfig(lr=2.6e-4, decay="all"),
    schedule=EpochSchedule(epochs=600, warmup_epochs=10.0, warmup_start=0.01, milestones=(210,)),
)
"""The official PyTorch release, from its `mm01.py`.

Batches of 16 people × (4 + 4), 24 per epoch of 395 people; horizontal flips only; last stride 1 and channel attention;
identity loss, rank loss, Sinkhorn mutual learning with weight 8, and VSD and VCD as released (probabilities in place of
log-probabilities, teacher and student swapped); weight decay on every parameter. Its z_dim of 256 is doubled in its
code: 512 here. Not adopted: its unseeded sampling, and best weights chosen on test pictures.
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
"""The MindSpore release, from its `train.py`.

Identity and batch-hard triplet loss only: the release builds its divergences but does not use them. Its crops have the
size of the picture and change nothing; half of the visible pictures are grey. The learning rate decreases tenfold in
each epoch from 15 to 27. The peak learning rate is that of the code; README and scripts have 0.0035
(`--optimizer.lr 3.5e-3`). Encoders should be pre-trained on ImageNet. Dropout is 0.5, which the release always uses,
whatever its argument. Not adopted: unseeded sampling with replacement, and a second forward pass.
"""

BASELINE = RunConfig(
    model=ModelConfig(encoders="shared", bottleneck=False, metric_neck="before"),
    losses=LossConfig(
        metric="triplet", unit_features=False, vsd_weight=0.0, vcd_weight=0.0, vml_weight=0.0, shared=1.0
    ),
)
"""One encoder for both modalities, identity and batch-hard triplet loss, schedule and augmentation of the default.

The field's baseline with a BN neck (Luo et al., CVPRW 2019).
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
"""AGW (Ye et al., TPAMI 2021, arXiv 2001.04193), the field's common baseline, from its cross-modal code.

A stem for each modality, non-local blocks, generalised-mean pooling, weighted regularisation triplet loss; SGD with
learning rate 0.1, a tenth of it for the encoder, two drops. The encoder should be pre-trained on ImageNet.
"""

CAJ = replace(
    AGW,
    augment=AugmentConfig(exchange=0.0, erase_value=CAJ_ERASED, streams=3),
    model=replace(AGW.model, descriptor_flip=True),
)
"""AGW with the augmentation of CAJ (Ye et al., ICCV 2021), from its code: three streams, erasing, flip at test.

The metric loss is AGW's, as with the code's option "agw"; its enhanced squared difference is not implemented.
"""

RECIPES: Mapping[str, RunConfig] = MappingProxyType(
    {
        "mvd": MVD,
        "mvd-strong": MVD_STRONG,
        "mvd-cvpr21": MVD_CVPR21,
        "mvd-mindspore": MVD_MINDSPORE,
        "baseline": BASELINE,
        "agw": AGW,
        "caj": CAJ,
        "demo": DEMO,
        "mvd-strong-small": MVD_STRONG_SMALL,
    }
)

SUMMARIES: Mapping[str, str] = MappingProxyType(
    {
        "mvd": "the default: the paper's losses with the practice of later work",
        "mvd-strong": "MVD on one trunk with a contrastive loss; learns most on rendered people",
        "mvd-cvpr21": "the official PyTorch release",
        "mvd-mindspore": "the MindSpore release",
        "baseline": "one shared encoder, identity and triplet loss",
        "agw": "the field's common baseline (Ye et al., TPAMI 2021)",
        "caj": "AGW with CAJ's augmentation (Ye et al., ICCV 2021)",
        "demo": "a small network on small pictures, for a CPU",
        "mvd-strong-small": "the small twin of mvd-strong, for a CPU, with less augmentation",
    }
)
"""A one-line description of each recipe."""


def resolve_config(config: RunConfig | str) -> RunConfig:
    """Return a configuration unchanged, or the recipe of a name.

    Raises:
        ConfigError: there is no recipe of that name, or the argument is neither a configuration nor a name.

    Example:
        >>> resolve_config("demo").data.height
        96
    """
    if isinstance(config, RunConfig):
        return config
    if not isinstance(config, str):
        raise ConfigError(f"config: expected a RunConfig or the name of a recipe, found {type(config).__name__}")
    if config not in RECIPES:
        raise ConfigError(f"recipe: expected one of {', '.join(RECIPES)}, found {config!r}")
    return RECIPES[config]


def resolve_model(source: RunConfig | ModelConfig | str, fields: Mapping[str, Any]) -> ModelConfig:
    """Return the architecture of a recipe's name, of a run's configuration, or as given, with changed fields.

    Args:
        source: the argument of `create_model`.
        fields: new values of fields of `ModelConfig`.

    Raises:
        ConfigError: the source has another type, there is no such recipe or field, or a value is out of range.

    Example:
        >>> resolve_model("demo", {"base_width": 8}).base_width
        8
    """
    if isinstance(source, str):
        if source not in RECIPES:
            raise ConfigError(f"create_model: expected one of {', '.join(RECIPES)}, found {source!r}")
        source = RECIPES[source]
    model = source.model if isinstance(source, RunConfig) else source
    if not isinstance(model, ModelConfig):
        raise ConfigError(
            f"create_model: expected the name of a recipe, a RunConfig or a ModelConfig, found {type(source).__name__}"
        )
    return from_json(
        json.dumps({"model": asdict(model) | {name: plain(value) for name, value in fields.items()}}, default=str),
        "create_model",
    ).model


_NOT_THE_METHOD = ("seed", "framework", "runtime.", "data.trial")  # fields that a recipe leaves open


def nearest_recipe(config: RunConfig) -> tuple[str, int]:
    """Find the recipe with the fewest fields that differ from a configuration, and return it with their number.

    The seed, RegDB's trial, the framework and `runtime` are ignored.

    Example:
        >>> nearest_recipe(RunConfig(seed=3))
        ('mvd', 0)
    """
    own = _method(config)
    apart = {name: len(differing([own, _method(recipe)])) for name, recipe in RECIPES.items()}
    name = min(apart, key=apart.__getitem__)
    return name, apart[name]


def name_recipe(config: RunConfig) -> str:
    """Name the recipe that a configuration follows, or "custom, from" the nearest one."""
    name, apart = nearest_recipe(config)
    return f"custom, from {name}" if apart else name


def _method(config: RunConfig) -> dict[str, Value]:
    return {name: value for name, value in config_fields(config).items() if not name.startswith(_NOT_THE_METHOD)}
