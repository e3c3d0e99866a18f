"""Objectives for tests: weights, labels, and the application to an output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from mvd.config import LossConfig
from mvd.losses import (
    Losses,
    Objective,
    loss_terms,
)
from mvd.models.outputs import Branch, MVDOutput, Prediction

Metric = Literal["triplet", "centre", "wrt", "rank"]
METRICS: tuple[Metric, ...] = ("triplet", "centre", "wrt", "rank")
WEIGHTS = {"identity": 1.0, "metric": 0.5, "vsd": 2.0, "vcd": 3.0, "vml": 4.0, "cml": 5.0}
LABELS = torch.tensor([0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2])
MODALITIES = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])


def make_objective(config: LossConfig) -> Objective:
    return Objective(loss_terms(config))


def loss_config(weights: dict[str, float], **fields: Any) -> LossConfig:
    """A configuration whose terms have these weights, and the others none."""
    terms = {f"{name}_weight": weights.get(name, 0.0) for name in WEIGHTS}
    return LossConfig(**{"unit_features": False, **terms, **fields})


def over_heads(
    output: MVDOutput, loss: Callable[[Prediction], Tensor], *, specific: float = 0.7, shared: float = 0.2
) -> Tensor:
    weighed = [
        (shared if field.startswith("shared") else specific) * loss(head)
        for field, branch in output._asdict().items()
        for head in branch.heads
    ]
    return torch.stack(weighed).sum()


def differentiate(objective: Objective, output: MVDOutput, labels: Tensor, modalities: Tensor) -> Losses:
    losses = objective(output, labels, modalities)
    torch.autograd.backward(losses.total)
    return losses


def map_output(output: MVDOutput, change: Callable[[Tensor], Tensor]) -> MVDOutput:
    def mapped(head: Prediction | None) -> Prediction | None:
        return None if head is None else Prediction(*map(change, head))

    branches = [(mapped(branch.observation), mapped(branch.representation)) for branch in output]
    return MVDOutput(*(Branch(observation, rest) for observation, rest in branches if observation is not None))
