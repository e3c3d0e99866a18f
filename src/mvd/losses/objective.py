"""The objective: a weighted sum of named losses of a network's output.

Losses are computed in float32 (or wider) with autocast off: a batch-hard triplet in bfloat16 has two digits. Nothing
here waits for the device or has a shape that depends on the labels, and no order of rows is assumed. A new loss of ours
is a file, a weight in `LossConfig` and a line in `loss_terms`; a user's own goes to `Objective.add` or
`LossConfig.extra`.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvd.config import LossConfig, RunConfig
from mvd.config.imports import load_object
from mvd.config.losses import require_parts
from mvd.errors import ConfigError
from mvd.losses.cml import CML
from mvd.losses.contrastive import Contrastive
from mvd.losses.hetero_centre import HeteroCentreTriplet
from mvd.losses.identity import identity_loss
from mvd.losses.quadruple_centre import QuadrupleCentre
from mvd.losses.rank_loss import RankLoss
from mvd.losses.released import ReleasedVCD, ReleasedVSD
from mvd.losses.triplet import TripletLoss
from mvd.losses.vcd import VCD
from mvd.losses.vml import VML
from mvd.losses.vsd import VSD
from mvd.losses.weighted_triplet import WeightedTriplet
from mvd.models.outputs import Output, Prediction, map_tensors
from mvd.runtime.device import widen, without_autocast

Loss: TypeAlias = Callable[[Any, Tensor, Tensor], Tensor]
"""A function of a network's output, labels (B,) and modalities (B,) that returns a scalar."""


class Term(NamedTuple):
    """A loss with its name and its weight, 0 or more."""

    name: str
    loss: Loss
    weight: float = 1.0


class Losses(NamedTuple):
    """The value of the objective.

    Attributes:
        total: the weighted sum of the terms, a scalar to differentiate.
        terms: scalars by name, before weighting and detached, for logging.
    """

    total: Tensor
    terms: dict[str, Tensor]


class Objective:
    """A weighted sum of named losses.

    Args:
        terms: at least one with a weight above 0; those of weight 0 are not computed.

    Raises:
        ConfigError: no weight is above 0, or two terms have one name.

    >>> from mvd.models.outputs import Branch, Prediction, SharedOutput
    >>> def spread(outputs, labels, modalities):
    ...     return outputs.shared.observation.features.var(dim=0).mean()
    >>> objective = Objective([Term("spread", spread)])
    >>> objective.add("length", lambda outputs, labels, modalities: torch.tensor(3.0), weight=2.0)
    >>> output = SharedOutput(Branch(Prediction(torch.tensor([[1.0], [3.0]]), torch.zeros(2, 2))))
    >>> objective(output, torch.tensor([0, 1]), torch.tensor([0, 1]))
    Losses(total=tensor(8.), terms={'spread': tensor(2.), 'length': tensor(3.)})
    """

    def __init__(self, terms: Iterable[Term]) -> None:
        self.terms: list[Term] = []
        for term in terms:
            self.add(*term)
        if not self.terms:
            raise ConfigError("losses: expected at least one weight above 0, found none: nothing would be learnt")

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each term by name."""
        return {term.name: term.weight for term in self.terms}

    def add(self, name: str, loss: Loss, weight: float = 1.0) -> None:
        """Add a term.

        Args:
            name: what it is logged as.
            loss: a function or module: (outputs, labels, modalities) to a scalar. Labels are class indices (B,),
                modalities (B,) 0 for visible and 1 for infrared, outputs those of the whole batch in float32 or wider.
            weight: 0 or more.

        Raises:
            ConfigError: the name is taken, or the weight is negative.
        """
        if name in self.weights or not weight >= 0:
            raise ConfigError(f"losses: expected a new name and a weight of 0 or more, found {name!r} and {weight}")
        if weight > 0:
            self.terms.append(Term(name, loss, weight))

    def __call__(self, output: Output, labels: Tensor, modalities: Tensor) -> Losses:
        """Compute the losses of a batch.

        Args:
            output: what the network returned in training mode, logits (B, K).
            labels: (B,) int64 class indices from 0 to K − 1.
            modalities: (B,) int64, a `Modality` each.

        Raises:
            ConfigError: a loss is no scalar tensor, or the network was in eval mode.
        """
        if isinstance(output, Tensor):
            raise ConfigError("losses: expected a network's outputs, found embeddings; call network.train() before it")
        with without_autocast(labels.device.type):
            wide = map_tensors(output, widen)
            values = [_scalar(term.name, term.loss(wide, labels, modalities)) for term in self.terms]
            total = torch.stack([term.weight * value for term, value in zip(self.terms, values, strict=True)]).sum()
        return Losses(total, {term.name: value.detach() for term, value in zip(self.terms, values, strict=True)})


def _scalar(name: str, value: Tensor) -> Tensor:
    if not isinstance(value, Tensor) or value.shape != ():
        found = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise ConfigError(f"losses: expected a scalar tensor from {name}, found {found}; average over the batch")
    return value


_METRICS: Mapping[str, Callable[[LossConfig], nn.Module]] = {
    "triplet": lambda config: TripletLoss(None if config.soft_margin else config.margin),
    "centre": lambda config: HeteroCentreTriplet(None if config.soft_margin else config.margin),
    "quadruple": lambda config: QuadrupleCentre(config.margin),
    "wrt": lambda _: WeightedTriplet(),
    "rank": lambda config: RankLoss(config.rank_margins, config.rank_alphas, config.rank_temperature),
}
"""The metric losses by name; each takes features (B, D), labels and modalities."""


def loss_terms(config: LossConfig) -> list[Term]:
    """List the terms of a configuration: ours, then the user's own, which are imported.

    Raises:
        ConfigError: a loss of the user's cannot be imported.
    """
    metric, contrastive = _METRICS[config.metric](config), Contrastive(config.contrastive_temperature)
    released = config.distillation == "released"
    vsd = ReleasedVSD(config.temperature) if released else VSD(config.temperature)
    vcd = ReleasedVCD() if released else VCD(config.temperature)
    vml, cml = VML(config.temperature), CML(config.cml_eps, config.cml_iterations)

    def identity(output: Output, labels: Tensor, _: Tensor) -> Tensor:
        groups = _weighted_heads(config, output)
        return _weighted_sum(
            [
                (weight, [identity_loss(head.logits, labels, smoothing=config.label_smoothing) for head in heads])
                for weight, heads in groups
            ]
        )

    def metric_of_heads(output: Output, labels: Tensor, modalities: Tensor) -> Tensor:
        groups = _weighted_heads(config, output)
        if config.unit_features:
            groups = [
                (weight, [head._replace(features=F.normalize(head.features)) for head in heads])
                for weight, heads in groups
            ]
        return _weighted_sum(
            [(weight, [metric(head.features, labels, modalities) for head in heads]) for weight, heads in groups]
        )

    def contrastive_of_heads(output: Output, labels: Tensor, _: Tensor) -> Tensor:
        groups = _weighted_heads(config, output)
        return _weighted_sum(
            [(weight, [contrastive(head.features, labels) for head in heads]) for weight, heads in groups]
        )

    losses: dict[str, Loss] = {
        "identity": identity,
        "metric": metric_of_heads,
        "contrastive": contrastive_of_heads,
        "vsd": lambda output, *_: vsd(*output.visible.logits) + vsd(*output.infrared.logits),
        "vcd": lambda output, *_: vcd(*output.shared_visible.logits, *output.shared_infrared.logits),
        "vml": lambda output, *_: vml(output.shared_visible.logits[1], output.shared_infrared.logits[1]),
        "cml": lambda output, *_: cml(output.visible.logits[0], output.infrared.logits[0]),
    }
    ours = [Term(name, loss, getattr(config, f"{name}_weight")) for name, loss in losses.items()]
    return ours + [Term(name, _own(path), weight) for name, path, weight in config.extra_losses]


def _weighted_heads(config: LossConfig, output: Output) -> list[tuple[float, Sequence[Prediction]]]:
    """Group all heads by weight: those of specific branches count `specific`, those of shared passes `shared`."""
    groups = [
        (config.specific, output.specific_heads),
        (config.shared, output.shared_heads),
        (config.specific * config.strips, output.specific_strips),
        (config.shared * config.strips, output.shared_strips),
    ]
    return [(weight, heads) for weight, heads in groups if heads]


def _weighted_sum(groups: Sequence[tuple[float, Sequence[Tensor]]]) -> Tensor:
    """Sum the losses of groups of heads, each times its weight."""
    return torch.stack([weight * torch.stack([*losses]).sum() for weight, losses in groups]).sum()


def _own(path: str) -> Loss:
    """Import a loss; a class is called to make one."""
    found = load_object(path, "losses.extra")
    loss: Loss = found() if isinstance(found, type) else found
    return loss


def build_objective(config: RunConfig) -> Objective:
    """Build the objective of a run.

    Raises:
        ConfigError: every weight is 0, a term compares parts that the run's network does not have, or a loss of the
            user's cannot be imported.
    """
    objective = Objective(loss_terms(config.losses))
    require_parts(objective.weights, config.model)
    return objective


def accuracy(output: Output, labels: Tensor) -> Tensor:
    """Average over all heads the share of rows whose largest logit is the label's: a scalar from 0 to 1."""
    hits = [(head.logits.argmax(dim=1) == labels).float().mean() for head in output.predictions]
    return torch.stack(hits).mean()
