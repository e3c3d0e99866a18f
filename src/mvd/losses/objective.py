"""The objective: the weighted sum of the named losses, over all heads of the network.

Losses are computed in float32 (or wider) with autocast switched off: a batch-hard triplet in bfloat16 has two
digits. Nothing here waits for the device or has a shape that depends on the labels, and no order of rows is
assumed.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from mvd.config import LossConfig, RunConfig
from mvd.errors import ConfigError
from mvd.losses.distillation import (
    variational_cross_distillation,
    variational_mutual_learning,
    variational_self_distillation,
)
from mvd.losses.hetero_centre import hetero_centre_triplet_loss
from mvd.losses.identity import identity_loss
from mvd.losses.rank_loss import rank_loss
from mvd.losses.released_distillation import released_cross_distillation, released_self_distillation
from mvd.losses.sinkhorn import sinkhorn_mutual_learning
from mvd.losses.triplet import triplet_loss
from mvd.losses.weighted_triplet import weighted_triplet_loss
from mvd.models.outputs import Branch, MVDOutput, Output, Prediction, SharedOutput, map_tensors
from mvd.runtime.device import widen, without_autocast

# Terms that need bottlenecks and specific branches, and one that needs specific branches.
_DISTILLING = {"vsd", "vcd", "vml"}
_SPECIFIC = {"cml"}


class Losses(NamedTuple):
    """What a step is worth.

    Attributes:
        total: scalar, the weighted sum of the terms; the one to differentiate.
        terms: scalars by name (identity, metric, vsd, vcd, vml, cml), before their weights and detached, to be
            logged; a term whose weight is 0 is not computed and not there.
    """

    total: Tensor
    terms: dict[str, Tensor]


class Objective:
    """The loss as a function of the network's output.

    identity and metric are sums over all heads (eight of MVD), where a head of a specific branch counts `specific` and
    one of a shared pass `shared`; vsd, vcd and vml are those of `losses.distillation`, or vsd and vcd those of
    `losses.released_distillation`; cml is that of `losses.sinkhorn`. With the fitting configuration the total is that
    of either release.

    Args:
        config: weights and constants.

    Raises:
        ConfigError: every weight is 0.
    """

    def __init__(self, config: LossConfig) -> None:
        self.config = config
        weights = {
            "identity": config.identity_weight,
            "metric": config.metric_weight,
            "vsd": config.vsd_weight,
            "vcd": config.vcd_weight,
            "vml": config.vml_weight,
            "cml": config.cml_weight,
        }
        self.weights = {name: weight for name, weight in weights.items() if weight > 0}
        if not self.weights:
            raise ConfigError("losses: expected at least one weight above 0, found none: nothing would be learnt")

    def __call__(self, output: Output, labels: Tensor, modalities: Tensor) -> Losses:
        """Compute the losses of a batch.

        Args:
            output: what the network returned, logits (B, K).
            labels: (B,) int64 class indices from 0 to K − 1.
            modalities: (B,) int64, a `Modality` each.
        """
        with without_autocast(labels.device.type):
            terms = self._terms(map_tensors(output, widen), labels, modalities)
            total = torch.stack([self.weights[name] * value for name, value in terms.items()]).sum()
        return Losses(total, {name: value.detach() for name, value in terms.items()})

    def _terms(self, output: Output, labels: Tensor, modalities: Tensor) -> dict[str, Tensor]:
        losses: dict[str, Callable[[], Tensor]] = {
            "identity": lambda: self._over_heads(output, lambda head: self._identity(head, labels)),
            "metric": lambda: self._over_heads(output, lambda head: self._metric(head, labels, modalities)),
        }
        if isinstance(output, MVDOutput):
            views = output.shared_visible, output.shared_infrared
            losses["vsd"] = lambda: self._self_distillation(output.visible, output.infrared)
            losses["vcd"] = lambda: self._cross_distillation(*views)
            losses["vml"] = lambda: variational_mutual_learning(*views, temperature=self.config.temperature)
        if not isinstance(output, SharedOutput):
            losses["cml"] = lambda: sinkhorn_mutual_learning(
                output.visible, output.infrared, eps=self.config.cml_eps, iterations=self.config.cml_iterations
            )
        return {name: losses[name]() for name in self.weights}

    def _over_heads(self, output: Output, loss: Callable[[Prediction], Tensor]) -> Tensor:
        weighed = (self.config.specific, output.specific_heads), (self.config.shared, output.shared_heads)
        sums = [weight * torch.stack([loss(head) for head in heads]).sum() for weight, heads in weighed if heads]
        return torch.stack(sums).sum()

    def _identity(self, head: Prediction, labels: Tensor) -> Tensor:
        return identity_loss(head.logits, labels, smoothing=self.config.label_smoothing)

    def _metric(self, head: Prediction, labels: Tensor, modalities: Tensor) -> Tensor:
        config = self.config
        features = F.normalize(head.features) if config.unit_features else head.features
        match config.metric:
            case "triplet":
                return triplet_loss(features, labels, margin=config.margin)
            case "centre":
                return hetero_centre_triplet_loss(features, labels, modalities, margin=config.margin)
            case "wrt":
                return weighted_triplet_loss(features, labels)
            case "rank":
                return rank_loss(
                    features,
                    labels,
                    modalities,
                    margins=config.rank_margins,
                    alphas=config.rank_alphas,
                    temperature=config.rank_temperature,
                )

    def _self_distillation(self, visible: Branch, infrared: Branch) -> Tensor:
        temperature = self.config.temperature
        if self.config.distillation == "released":
            return released_self_distillation(visible, infrared, temperature=temperature)
        return variational_self_distillation(visible, infrared, temperature=temperature)

    def _cross_distillation(self, visible: Branch, infrared: Branch) -> Tensor:
        if self.config.distillation == "released":
            return released_cross_distillation(visible, infrared)
        return variational_cross_distillation(visible, infrared, temperature=self.config.temperature)


def build_objective(config: RunConfig) -> Objective:
    """Build the objective of a run.

    Raises:
        ConfigError: every weight is 0, or a term compares parts that the run's network does not have.
    """
    objective, model = Objective(config.losses), config.model
    lacking = set() if model.bottleneck else _DISTILLING
    if model.encoders == "shared":
        lacking = _DISTILLING | _SPECIFIC
    if wrong := [name for name in objective.weights if name in lacking]:
        raise ConfigError(
            f"losses: expected weights of 0 for {', '.join(wrong)}, which compare parts that this network lacks "
            f"(model.encoders {model.encoders}, model.bottleneck {model.bottleneck}), found "
            f"{', '.join(str(objective.weights[name]) for name in wrong)}; "
            f"add {' '.join(f'--losses.{name}-weight 0' for name in wrong)}"
        )
    return objective


def accuracy(output: Output, labels: Tensor) -> Tensor:
    """Average over all heads the share of rows whose largest logit is the label's: a scalar from 0 to 1."""
    hits = [(head.logits.argmax(dim=1) == labels).float().mean() for head in output.predictions]
    return torch.stack(hits).mean()
