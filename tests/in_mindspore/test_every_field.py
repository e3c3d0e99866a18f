"""Every field of a configuration changes what MindSpore computes, or is refused by its name; none is ignored.

What a run computes is traced, not trained: `fit` is called, and instead of a step what goes into it is noted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from in_mindspore.engines import SHARED
from in_mindspore.tracing import Tracer

from mvd.config import CosineSchedule, EpochSchedule, RunConfig, RuntimeConfig, StepSchedule
from mvd.config.changes import apply_changes
from mvd.config.compare import config_fields
from mvd.errors import ConfigError
from mvd.mindspore import engine
from mvd.mindspore.device import computing

pytestmark = pytest.mark.mindspore

Values = Mapping[str, Any]

CONFIG = replace(SHARED, framework="mindspore")

MVD: Values = {"model.encoders": "mvd"}
CML: Values = {**MVD, "losses.cml_weight": 1.0}
RANK: Values = {"losses.metric": "rank"}
STEP: Values = {"schedule": {"kind": "StepSchedule", "epochs": 4, "warmup_epochs": 1, "milestones": [2]}}
EPOCH: Values = {"schedule": {"kind": "EpochSchedule", "epochs": 4, "warmup_epochs": 2, "milestones": [2]}}


class Row(NamedTuple):
    """A field, another value of it, and what else is set before it is changed, so that it counts."""

    field: str
    value: Any
    beside: Values = MappingProxyType({})


HONOURED = [
    Row("seed", 2),
    Row("sampling.identities", 2),
    Row("sampling.pictures", 3),
    Row("sampling.steps_per_epoch", 4),
    Row("augment.pad", 3),
    Row("augment.flip", 0.0),
    Row("augment.exchange", 0.0),
    Row("augment.grey", 1.0),
    Row("augment.erase", 0.0),
    Row("augment.erase_area", [0.3, 0.5]),
    Row("augment.erase_value", [0.5, 0.0, 0.0]),
    Row("augment.streams", 3),
    Row("augment.streams", 4, {"augment.streams": 3}),
    Row("model.arch", "resnet34"),
    Row("model.base_width", 8),
    Row("model.last_stride", 2),
    Row("model.padding", "same"),
    Row("model.third_norm", "mindspore"),
    Row("model.channel_attention", True),
    Row("model.non_local", True),
    Row("model.encoders", "mvd"),
    Row("model.shared_first", "grey", MVD),
    Row("model.pooling", "gem"),
    Row("model.gem_p", 4.0, {"model.pooling": "gem"}),
    Row("model.neck_bias", True),
    Row("model.metric_neck", "before"),
    Row("model.bottleneck", False),
    Row("model.bottleneck_widths", [16, 8]),
    Row("model.z_dim", 8),
    Row("model.classifier_width", 8),
    Row("model.dropout", 0.5),
    Row("model.grey_weights", [0.2989, 0.587, 0.144], MVD),
    Row("model.descriptor", "both"),
    Row("model.descriptor_neck", "before"),
    Row("model.descriptor_norm", "whole", {"model.descriptor": "both"}),
    Row("losses.identity_weight", 2.0),
    Row("losses.metric_weight", 2.0),
    Row("losses.vsd_weight", 1.0, MVD),
    Row("losses.vcd_weight", 1.0, MVD),
    Row("losses.vml_weight", 1.0, MVD),
    Row("losses.cml_weight", 1.0, MVD),
    Row("losses.metric", "centre"),
    Row("losses.metric", "wrt"),
    Row("losses.metric", "rank"),
    Row("losses.margin", 0.5),
    Row("losses.rank_margins", [0.5, 0.7], RANK),
    Row("losses.rank_alphas", [1.0, 1.5], RANK),
    Row("losses.rank_temperature", 0.5, RANK),
    Row("losses.unit_features", False),
    Row("losses.label_smoothing", 0.0),
    Row("losses.distillation", "released", {**MVD, "losses.vsd_weight": 1.0}),
    Row("losses.temperature", 3.0, {**MVD, "losses.vml_weight": 1.0}),
    Row("losses.cml_eps", 0.1, CML),
    Row("losses.cml_iterations", 1, CML),
    Row("losses.specific", 0.7, MVD),
    Row("losses.shared", 0.5),
    Row("optimizer.kind", "adamw"),
    Row("optimizer.kind", "sgd"),
    Row("optimizer.lr", 1e-3),
    Row("optimizer.encoder_lr_scale", 0.5),
    Row("optimizer.weight_decay", 0.1),
    Row("optimizer.decay", "all"),
    Row("optimizer.clip_norm", 0.5),
    Row("schedule", STEP["schedule"]),
    Row("schedule", EPOCH["schedule"]),
    Row("schedule.epochs", 3),
    Row("schedule.epochs", 3, STEP),
    Row("schedule.epochs", 3, EPOCH),
    Row("schedule.warmup_epochs", 1.0),
    Row("schedule.warmup_epochs", 0.0, STEP),
    Row("schedule.warmup_epochs", 0.0, EPOCH),
    Row("schedule.warmup_start", 0.5, {"schedule.warmup_epochs": 1.0}),
    Row("schedule.warmup_start", 0.5, STEP),
    Row("schedule.warmup_start", 0.5, EPOCH),
    Row("schedule.final", 0.5),
    Row("schedule.milestones", [3], STEP),
    Row("schedule.milestones", [3], EPOCH),
    Row("schedule.gamma", 0.5, STEP),
    Row("schedule.gamma", 0.5, EPOCH),
    Row("runtime.deterministic", True),
    Row("runtime.compile", False),
    Row("runtime.log_every", 2),
    Row("runtime.validate_every", 1),
    Row("runtime.checkpoint_minutes", 0.0),
    Row("runtime.embed_batch", 5),
    Row("runtime.threads", 2),
]

REFUSED = [
    Row("augment.amplitude", 0.5),
    Row("model.encoder", "mine.py:encoder"),
    Row("model.stems", "specific"),
    Row("model.strips", 2),
    Row("model.trunk", 2, MVD),
    Row("model.descriptor_flip", True),
    Row("losses.extra", ["mine=mine.py:loss"]),
    Row("losses.metric", "quadruple"),
    Row("losses.contrastive_weight", 1.0),
    Row("losses.soft_margin", True),
    Row("optimizer.ema", 0.9),
    Row("runtime.device", "cuda:0"),
    Row("runtime.device", "npu:7"),
    Row("runtime.precision", "bf16"),
    Row("runtime.precision", "tf32"),
    Row("runtime.channels_last", False),
    Row("runtime.cuda_graphs", True),
    Row("runtime.recompute", True),
    Row("runtime.memory", 4.0),
    Row("runtime.accumulate", 2),
]

OF_REFUSED = {"augment.amplitude_reach", "model.strip_width", "losses.strips", "losses.contrastive_temperature"}
"""Constants of what is refused; PyTorch does not read them either while it is off."""

BEFORE = {"framework", "data.height", "data.width", "data.train_on", "data.trial", "runtime.workers"}
"""What is decided before an engine is called, in code of no framework: who is trained on, and how files are decoded."""


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracer]:
    with computing(RuntimeConfig(compile=False), "cpu"):
        yield Tracer(tmp_path_factory.mktemp("traced"))


def test_the_tables_have_every_field() -> None:
    schedules = (CosineSchedule(), StepSchedule(), EpochSchedule())
    fields = {name for schedule in schedules for name in config_fields(RunConfig(schedule=schedule))}
    fields = fields - {"schedule.kind"} | {"schedule"}
    assert {row.field for row in HONOURED + REFUSED} | OF_REFUSED | BEFORE == fields


def test_a_trace_repeats_itself(trace: Tracer) -> None:
    assert trace.trace(CONFIG) == trace(CONFIG)


@pytest.mark.parametrize("row", HONOURED, ids=lambda row: f"{row.field}={row.value}")
def test_a_field_changes_what_is_computed(trace: Tracer, row: Row) -> None:
    config = apply_changes(CONFIG, row.beside)
    assert trace(apply_changes(config, {row.field: row.value})) != trace(config)


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: f"{row.field}={row.value}")
def test_a_field_that_is_not_there_is_refused_by_its_name(row: Row) -> None:
    with pytest.raises(ConfigError, match=rf"^{row.field}: expected [^\n]+ found [^\n]+$") as caught:
        engine.check(apply_changes(apply_changes(CONFIG, row.beside), {row.field: row.value}))
    assert "--framework pytorch" in str(caught.value)
