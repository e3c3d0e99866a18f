"""examples/own_loop.py gives the losses of `mvd train`, and figures of the network that it trained."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import own_loop
import pytest
import torch
from fakes import write_tree

import mvd
from mvd.config import (
    CosineSchedule,
    DataConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    RunConfig,
    RuntimeConfig,
    SamplingConfig,
)

CONFIG = RunConfig(
    seed=5,
    data=DataConfig(height=48, width=24),
    sampling=SamplingConfig(identities=2, pictures=2, steps_per_epoch=10),
    model=ModelConfig(arch="resnet18", base_width=4, bottleneck_widths=(16, 8), z_dim=8, classifier_width=8),
    losses=LossConfig(metric="triplet"),
    optimizer=OptimizerConfig(kind="adamw", lr=1e-2, weight_decay=0.05),
    schedule=CosineSchedule(epochs=2, warmup_epochs=1.0),
    runtime=RuntimeConfig(device="cpu", log_every=1, validate_every=2),
)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """The last bits depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_twenty_steps_have_the_losses_of_a_run(tmp_path: Path) -> None:
    data = write_tree(tmp_path / "people")
    mvd.prepare(data, height=48, width=24)
    mvd.train(data, tmp_path / "run", CONFIG)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    expected = [line["losses"] for line in lines if "losses" in line]

    network, steps = own_loop.train(str(data), CONFIG)
    found = list(steps)
    assert len(found) == 20
    assert found == expected
    figures = own_loop.evaluate(str(data), network, CONFIG)
    assert 0 < figures["rank-1"] <= 1


def test_the_loop_has_less_than_eighty_lines() -> None:
    assert len(Path(own_loop.__file__).read_text().splitlines()) < 80
