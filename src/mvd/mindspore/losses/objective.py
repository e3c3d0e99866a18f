"""The objective: a weighted sum of named losses of a network's output, with the terms and weights of `LossConfig`.

Losses are computed in float32 (or wider). All shapes are constant, so a step compiles to one graph. The order of rows
does not matter. A loss takes plain tuples, as computed by a graph: branches of heads, each of features and logits.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import mindspore
from mindspore import Tensor, nn, ops

from mvd.config import LossConfig, RunConfig
from mvd.config.checks import require
from mvd.config.losses import TERMS, require_parts
from mvd.errors import ConfigError
from mvd.mindspore.losses.cml import conventional_mutual_learning
from mvd.mindspore.losses.hetero_centre import hetero_centre_triplet_loss
from mvd.mindspore.losses.identity import identity_loss
from mvd.mindspore.losses.rank_loss import rank_loss
from mvd.mindspore.losses.released import released_cross_distillation, released_self_distillation
from mvd.mindspore.losses.triplet import triplet_loss
from mvd.mindspore.losses.vcd import variational_cross_distillation
from mvd.mindspore.losses.vml import variational_mutual_learning
from mvd.mindspore.losses.vsd import variational_self_distillation
from mvd.mindspore.losses.weighted_triplet import weighted_triplet_loss
from mvd.mindspore.models.arithmetic import unit_rows, widen
from mvd.mindspore.models.outputs import Plain, without_names
from mvd.models.outputs import Output


class Losses(NamedTuple):
    """The value of the objective.

    Attributes:
        total: the weighted sum of the terms, a scalar to differentiate.
        terms: scalars by name, before weighting and without gradient, for logging.
    """

    total: Tensor
    terms: dict[str, Tensor]


class _OverHeads(nn.Cell):
    """A loss summed over all heads, weighted by `specific` for specific branches and `shared` for shared passes."""

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.specific, self.shared = config.specific, config.shared

    def construct(self, output: Plain, labels: Tensor, modalities: Tensor) -> Tensor:
        total = 0.0
        for k in range(len(output)):
            weight = self.specific if len(output) > 1 and k < 2 else self.shared
            for features, logits in output[k]:
                total = total + weight * self.of_head(features, logits, labels, modalities)
        return total


class _Identity(_OverHeads):
    def __init__(self, config: LossConfig) -> None:
        super().__init__(config)
        self.smoothing = config.label_smoothing

    def of_head(self, features: Tensor, logits: Tensor, labels: Tensor, modalities: Tensor) -> Tensor:
        return identity_loss(logits, labels, smoothing=self.smoothing)


class _Metric(_OverHeads):
    def __init__(self, config: LossConfig) -> None:
        super().__init__(config)
        otherwise = "with framework mindspore, or --framework pytorch"
        require(
            config.metric != "quadruple",
            "losses.metric",
            f"another one {otherwise}",
            config.metric,
        )
        require(not config.soft_margin, "losses.soft_margin", f"False {otherwise}", config.soft_margin)
        self.unit, self.kind, self.margin = config.unit_features, config.metric, config.margin
        self.margins, self.alphas, self.rank_temperature = (
            config.rank_margins,
            config.rank_alphas,
            config.rank_temperature,
        )

    def of_head(self, features: Tensor, logits: Tensor, labels: Tensor, modalities: Tensor) -> Tensor:
        features = unit_rows(features) if self.unit else features
        if self.kind == "triplet":
            return triplet_loss(features, labels, margin=self.margin)
        if self.kind == "centre":
            return hetero_centre_triplet_loss(features, labels, modalities, margin=self.margin)
        if self.kind == "wrt":
            return weighted_triplet_loss(features, labels)
        return rank_loss(
            features,
            labels,
            modalities,
            margins=self.margins,
            alphas=self.alphas,
            temperature=self.rank_temperature,
        )


class _Distillation(nn.Cell):
    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.released, self.temperature = config.distillation == "released", config.temperature


class _VSD(_Distillation):
    def construct(self, output: Plain, labels: Tensor, modalities: Tensor) -> Tensor:
        total = 0.0
        for (_, observation), (_, representation) in output[:2]:
            if self.released:
                value = released_self_distillation(observation, representation, temperature=self.temperature)
            else:
                value = variational_self_distillation(observation, representation, temperature=self.temperature)
            total = total + value
        return total


class _VCD(_Distillation):
    def construct(self, output: Plain, labels: Tensor, modalities: Tensor) -> Tensor:
        (_, visible_v), (_, visible_z) = output[2]
        (_, infrared_v), (_, infrared_z) = output[3]
        if self.released:
            return released_cross_distillation(visible_v, visible_z, infrared_v, infrared_z)
        return variational_cross_distillation(
            visible_v, visible_z, infrared_v, infrared_z, temperature=self.temperature
        )


class _VML(_Distillation):
    def construct(self, output: Plain, labels: Tensor, modalities: Tensor) -> Tensor:
        return variational_mutual_learning(output[2][1][1], output[3][1][1], temperature=self.temperature)


class _CML(nn.Cell):
    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.eps, self.iterations = config.cml_eps, config.cml_iterations

    def construct(self, output: Plain, labels: Tensor, modalities: Tensor) -> Tensor:
        return conventional_mutual_learning(output[0][0][1], output[1][0][1], eps=self.eps, iterations=self.iterations)


_LOSSES: Mapping[str, type[Any]] = {
    "identity": _Identity,
    "metric": _Metric,
    "vsd": _VSD,
    "vcd": _VCD,
    "vml": _VML,
    "cml": _CML,
}
"""Each is constructed with a `LossConfig` and called with outputs, labels and modalities."""


class Objective(nn.Cell):
    """A weighted sum of named losses; losses of weight 0 are not computed.

    In a compiled step, `total, terms = objective(output, labels, modalities)`.

    Args:
        config: weights and hyperparameters.

    Raises:
        ConfigError: no weight is above 0, or there are custom losses, which need PyTorch tensors.

    Attributes:
        weights: the weight of each term by name.
    """

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        if config.extra:
            raise ConfigError(
                f"losses.extra: expected none with framework mindspore, found {', '.join(config.extra)}: own losses "
                f"compute on PyTorch's tensors; take --framework pytorch or leave them out"
            )
        require(
            config.contrastive_weight == 0,
            "losses.contrastive_weight",
            "0 with framework mindspore, or --framework pytorch",
            config.contrastive_weight,
        )
        every = {name: getattr(config, f"{name}_weight") for name in TERMS}
        self.weights = {name: float(weight) for name, weight in every.items() if weight > 0}
        if not self.weights:
            raise ConfigError("losses: expected at least one weight above 0, found none: nothing would be learnt")
        self.names, self.factors = tuple(self.weights), tuple(self.weights.values())
        self.losses = nn.CellList([_LOSSES[name](config) for name in self.names])

    def __call__(self, output: Output | Plain, labels: Tensor, modalities: Tensor) -> Losses:
        """Compute the losses of a batch.

        Args:
            output: output of the network in training mode, with logits (B, K).
            labels: (B,) class indices from 0 to K − 1.
            modalities: (B,), a `Modality` each.

        Raises:
            ConfigError: the network was in eval mode.
        """
        if isinstance(output, Tensor):
            raise ConfigError("losses: expected a network's outputs, found embeddings; call network.set_train(True)")
        return Losses(*super().__call__(without_names(output), labels, modalities))

    def construct(self, output: Plain, labels: Tensor, modalities: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        wide = _widened(output)
        total = 0.0
        terms = {}
        for k in range(len(self.names)):
            value = self.losses[k](wide, labels, modalities)
            total = total + self.factors[k] * value
            terms[self.names[k]] = ops.stop_gradient(value)
        return total, terms


def build_objective(config: RunConfig) -> Objective:
    """Build the objective of a run.

    Raises:
        ConfigError: every weight is 0, a term needs parts that the run's network does not have, or there are custom
            losses.
    """
    objective = Objective(config.losses)
    require_parts(objective.weights, config.model)
    return objective


def accuracy(output: Any, labels: Tensor) -> Tensor:
    """Compute the top-1 accuracy, averaged over all heads: a scalar from 0 to 1."""
    hits, heads = 0.0, 0
    for branch in output:
        for head in branch:
            if head is not None and len(head) > 0:
                hits = hits + ops.cast(ops.equal(head[1].argmax(axis=1), labels), mindspore.float32).mean()
                heads = heads + 1
    return hits / heads


def _widened(output: Plain) -> list[list[tuple[Tensor, Tensor]]]:
    return [[(widen(head[0]), widen(head[1])) for head in branch] for branch in output]
