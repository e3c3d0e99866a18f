"""The objective: the weighted sum of the named losses, over all heads of the network.

Losses are computed in float32 (or wider) with autocast switched off: a batch-hard triplet in bfloat16 has two
digits. Nothing here waits for the device or has a shape that depends on the labels, and no order of rows is
assumed.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor
from torch.amp import is_autocast_available
from torch.nn import functional as F

from mvd.backends.pytorch.losses.centre import hetero_centre_triplet_loss
from mvd.backends.pytorch.losses.distillation import (
    variational_cross_distillation,
    variational_mutual_learning,
    variational_self_distillation,
)
from mvd.backends.pytorch.losses.identity import identity_loss
from mvd.backends.pytorch.losses.triplet import triplet_loss
from mvd.backends.pytorch.output import Branch, MVDOutput, Prediction
from mvd.config import LossConfig
from mvd.errors import ConfigError


class Losses(NamedTuple):
    """What a step is worth.

    Attributes:
        total: scalar, the weighted sum of the terms; the one to differentiate.
        terms: scalars by name (identity, metric, vsd, vcd, vml), before their weights and detached, to be logged;
            a term whose weight is 0 is not computed and not there.
    """

    total: Tensor
    terms: dict[str, Tensor]


class Objective:
    """The loss of MVD as a function of the network's output.

    identity and metric are sums over the eight heads, where a head of a specific branch counts `specific` and one
    of a shared pass `shared`; vsd, vcd and vml are those of `losses.distillation`.

    Args:
        config: weights and constants.

    Raises:
        ConfigError: every weight is 0.
    """

    def __init__(self, config: LossConfig) -> None:
        self.config = config
        self.weights = {
            "identity": config.identity_weight,
            "metric": config.metric_weight,
            "vsd": config.vsd_weight,
            "vcd": config.vcd_weight,
            "vml": config.vml_weight,
        }
        if not any(self.weights.values()):
            raise ConfigError("losses: expected at least one weight above 0, found none: nothing would be learnt")

    def __call__(self, output: MVDOutput, labels: Tensor, modalities: Tensor) -> Losses:
        """Compute the losses of a batch.

        Args:
            output: what the network returned, logits (B, K).
            labels: (B,) int64 class indices from 0 to K − 1.
            modalities: (B,) int64, a `Modality` each.
        """
        with _autocast_off(labels.device.type):
            terms = self._terms(_in_full_precision(output), labels, modalities)
            total = torch.stack([self.weights[name] * value for name, value in terms.items()]).sum()
        return Losses(total, {name: value.detach() for name, value in terms.items()})

    def _terms(self, output: MVDOutput, labels: Tensor, modalities: Tensor) -> dict[str, Tensor]:
        temperature = self.config.temperature
        shared = output.shared_visible, output.shared_infrared
        losses: dict[str, Callable[[], Tensor]] = {
            "identity": lambda: self._over_heads(output, lambda head: self._identity(head, labels)),
            "metric": lambda: self._over_heads(output, lambda head: self._metric(head, labels, modalities)),
            "vsd": lambda: variational_self_distillation(output.visible, output.infrared, temperature=temperature),
            "vcd": lambda: variational_cross_distillation(*shared, temperature=temperature),
            "vml": lambda: variational_mutual_learning(*shared, temperature=temperature),
        }
        return {name: loss() for name, loss in losses.items() if self.weights[name] > 0}

    def _over_heads(self, output: MVDOutput, loss: Callable[[Prediction], Tensor]) -> Tensor:
        specific = [loss(head) for branch in (output.visible, output.infrared) for head in branch]
        shared = [loss(head) for branch in (output.shared_visible, output.shared_infrared) for head in branch]
        return self.config.specific * torch.stack(specific).sum() + self.config.shared * torch.stack(shared).sum()

    def _identity(self, head: Prediction, labels: Tensor) -> Tensor:
        return identity_loss(head.logits, labels, smoothing=self.config.label_smoothing)

    def _metric(self, head: Prediction, labels: Tensor, modalities: Tensor) -> Tensor:
        features = F.normalize(head.features) if self.config.unit_features else head.features
        match self.config.metric:
            case "triplet":
                return triplet_loss(features, labels, margin=self.config.margin)
            case "centre":
                return hetero_centre_triplet_loss(features, labels, modalities, margin=self.config.margin)


def accuracy(output: MVDOutput, labels: Tensor) -> Tensor:
    """Average over the eight heads the share of rows whose largest logit is the label's: a scalar from 0 to 1."""
    hits = [(head.logits.argmax(dim=1) == labels).float().mean() for head in output.predictions]
    return torch.stack(hits).mean()


def _autocast_off(device: str) -> AbstractContextManager[object]:
    # Naming a device that has no autocast is an error, even to switch it off.
    return torch.autocast(device, enabled=False) if is_autocast_available(device) else nullcontext()


def _in_full_precision(output: MVDOutput) -> MVDOutput:
    return MVDOutput(*(Branch(*(Prediction(*map(_widen, head)) for head in branch)) for branch in output))


def _widen(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))
