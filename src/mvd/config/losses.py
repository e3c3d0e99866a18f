"""The training objective: weights and constants of its losses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from mvd.config.checks import require, require_at_most
from mvd.config.model import ModelConfig
from mvd.config.types import check_types
from mvd.errors import ConfigError

TERMS = ("identity", "metric", "contrastive", "vsd", "vcd", "vml", "cml")
"""The names of the losses; each has a field `<name>_weight`."""

_TAKEN = (*TERMS, "total", "accuracy")


class ExtraLoss(NamedTuple):
    """A custom loss.

    Attributes:
        name: name in the log.
        path: import path of a function or module `(outputs, labels, modalities) -> scalar`, or of a class of such.
        weight: weight in the objective, at least 0.
    """

    name: str
    path: str
    weight: float

    @classmethod
    def parse(cls, text: str) -> ExtraLoss:
        """Parse NAME=PATH or NAME=PATH*WEIGHT.

        Raises:
            ConfigError: the text has another form, or the name is that of a built-in loss.

        >>> ExtraLoss.parse("mine=my_losses.py:spread*0.5")
        ExtraLoss(name='mine', path='my_losses.py:spread', weight=0.5)
        """
        found = re.fullmatch(r"(\w+)=([^*]+:[\w.]+)(?:\*(\d*\.?\d+(?:[eE][-+]?\d+)?))?", text)
        form = "NAME=package.module:name or NAME=file.py:name, and *WEIGHT of 0 or more after it if it is not 1"
        if found is None:
            raise ConfigError(f"losses.extra: expected {form}, found {text!r}")
        name, path, weight = found.groups(default="1")
        require(name not in _TAKEN, "losses.extra", f"another name than {', '.join(_TAKEN)}", repr(name))
        return cls(name, path, float(weight))


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """The objective: a weighted sum of named losses; a loss of weight 0 is not computed.

    Attributes:
        identity_weight: weight of the identity loss (cross-entropy).
        metric_weight: weight of the metric loss.
        contrastive_weight: weight of the supervised contrastive loss (Khosla et al., NeurIPS 2020).
        vsd_weight: weight of variational self-distillation.
        vcd_weight: weight of variational cross-distillation.
        vml_weight: weight of variational mutual learning.
        cml_weight: weight of conventional mutual learning, the Sinkhorn distance between the class distributions of the
            two specific branches; 8 in the PyTorch release.
        extra: custom losses, each as NAME=package.module:name or NAME=file.py:name, and *WEIGHT if it is not 1: a
            function of (outputs, labels, modalities) that returns a scalar. Logged by name.
        metric: "triplet" is the batch-hard triplet loss, "centre" the hetero-centre triplet loss, "quadruple"
            MSCMNet's quadruple-centre loss, "wrt" AGW's weighted triplet loss (no margin), "rank" the PyTorch release's
            rank loss.
        margin: margin of the triplet, hetero-centre triplet and quadruple-centre losses, in Euclidean distance; MSCMNet
            has 0.7, on features that are not normalised.
        soft_margin: replace the hinge max(0, margin + d⁺ − d⁻) of the triplet and the hetero-centre triplet loss by
            log(1 + exp(d⁺ − d⁻)), whose gradient never vanishes (Hermans et al., 2017).
        contrastive_temperature: divisor of the cosines in the contrastive loss; a lower one weighs near negatives more.
        rank_margins: margins of the rank loss within a modality and across, in Euclidean distance.
        rank_alphas: smallest distances between identities in the rank loss, within a modality and across; pictures of
            one identity should be nearer than this minus the margin.
        rank_temperature: extra weight of the nearest negatives in the rank loss; 0 weighs all alike.
        unit_features: divide features by their L2 norm before the metric loss, as in ranking and in the PyTorch
            release; the MindSpore release does not.
        label_smoothing: share of the target that is spread over all classes.
        distillation: "paper" computes vsd and vcd as the paper defines them, "released" as the PyTorch release does,
            which draws representations towards equal probabilities.
        temperature: divisor of the logits in the distillation losses, except in the released vcd.
        cml_eps: entropic regularisation of the Sinkhorn distance.
        cml_iterations: maximum iterations of the Sinkhorn distance.
        specific: weight of the two modality-specific branches within the identity, metric and contrastive losses.
        shared: weight of the shared passes within the same losses.
        strips: weight of each strip of a branch (`model.strips`) beside that of its observation, in the same losses.
    """

    identity_weight: float = 1.0
    metric_weight: float = 1.0
    contrastive_weight: float = 0.0
    vsd_weight: float = 2.0
    vcd_weight: float = 2.0
    vml_weight: float = 1.0
    cml_weight: float = 0.0
    extra: tuple[str, ...] = ()
    metric: Literal["triplet", "centre", "quadruple", "wrt", "rank"] = "centre"
    margin: float = 0.3
    soft_margin: bool = False
    contrastive_temperature: float = 0.1
    rank_margins: tuple[float, float] = (0.9, 1.0)
    rank_alphas: tuple[float, float] = (2.2, 2.0)
    rank_temperature: float = 1.0
    unit_features: bool = True
    label_smoothing: float = 0.1
    distillation: Literal["paper", "released"] = "paper"
    temperature: float = 1.0
    cml_eps: float = 0.01
    cml_iterations: int = 100
    specific: float = 0.5
    shared: float = 0.25
    strips: float = 1.0

    def __post_init__(self) -> None:
        check_types(self, "losses.")
        for name in TERMS:
            weight = getattr(self, f"{name}_weight")
            require(weight >= 0, f"losses.{name}_weight", "0 or more", weight)
        names = [extra.name for extra in self.extra_losses]
        require(len(set(names)) == len(names), "losses.extra", "a name for each loss", ", ".join(names))
        require(self.margin >= 0, "losses.margin", "0 or more", self.margin)
        require(
            not self.soft_margin or self.metric in {"triplet", "centre"},
            "losses.soft_margin",
            f"--losses.metric triplet or centre with it: {self.metric} has no soft form",
            self.soft_margin,
        )
        # float32 overflows at lower values.
        require(
            self.contrastive_temperature >= 0.01,
            "losses.contrastive_temperature",
            "at least 0.01",
            self.contrastive_temperature,
        )
        require(self.strips >= 0, "losses.strips", "0 or more", self.strips)
        require(min(self.rank_margins) >= 0, "losses.rank_margins", "0 or more", self.rank_margins)
        require(min(self.rank_alphas) > 0, "losses.rank_alphas", "above 0", self.rank_alphas)
        require(self.rank_temperature >= 0, "losses.rank_temperature", "0 or more", self.rank_temperature)
        require(0 <= self.label_smoothing < 1, "losses.label_smoothing", "from 0 to below 1", self.label_smoothing)
        require(self.temperature > 0, "losses.temperature", "above 0", self.temperature)
        require(self.cml_eps >= 0.005, "losses.cml_eps", "at least 0.005", self.cml_eps)
        require(self.cml_iterations >= 1, "losses.cml_iterations", "at least 1", self.cml_iterations)
        require_at_most(10**6, losses__cml_iterations=self.cml_iterations)

    @property
    def extra_losses(self) -> list[ExtraLoss]:
        """The custom losses, with name, import path and weight."""
        return [ExtraLoss.parse(text) for text in self.extra]


def require_parts(weights: Mapping[str, float], model: ModelConfig) -> None:
    """Refuse loss terms that need parts which a network does not have.

    Args:
        weights: weights of the computed terms, by name.
        model: the network.

    Raises:
        ConfigError: there are such terms.
    """
    lacking = set() if model.bottleneck else {"vsd", "vcd", "vml"}
    if model.encoders == "shared":
        lacking = {"vsd", "vcd", "vml", "cml"}
    if wrong := [name for name in weights if name in lacking]:
        raise ConfigError(
            f"losses: expected weights of 0 for {', '.join(wrong)}, which compare parts that this network lacks "
            f"(model.encoders {model.encoders}, model.bottleneck {model.bottleneck}), found "
            f"{', '.join(str(weights[name]) for name in wrong)}; "
            f"add {' '.join(f'--losses.{name}-weight 0' for name in wrong)}"
        )
