"""What is made smaller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mvd.config.checks import require


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """What is minimised: a weighted sum of named terms; a weight of 0 leaves a term out.

    Attributes:
        identity_weight: weight of the identity loss (cross-entropy).
        metric_weight: weight of the metric loss.
        vsd_weight: weight of variational self-distillation.
        vcd_weight: weight of variational cross-distillation.
        vml_weight: weight of variational mutual learning.
        cml_weight: weight of conventional mutual learning, the Sinkhorn distance between the classes that the two
            specific branches see; the PyTorch release has 8.
        metric: "triplet" is the batch-hard triplet loss, "centre" the hetero-centre triplet loss, "wrt" AGW's weighted
            triplet loss (no margin), "rank" the PyTorch release's rank loss.
        margin: margin of the triplet and the hetero-centre triplet loss, in Euclidean distance.
        rank_margins: margins of the rank loss within a modality and across, in Euclidean distance.
        rank_alphas: distances that the rank loss wants between two people, within a modality and across; pictures of
            one person shall be nearer than this less the margin.
        rank_temperature: how much more the nearest negatives count in the rank loss; 0 weighs them alike.
        unit_features: whether the metric loss sees features divided by their L2 norm, which is what ranking compares
            and what the PyTorch release does; the MindSpore release leaves them as they are.
        label_smoothing: share of the target that is spread over all classes.
        distillation: "paper" computes vsd and vcd as the paper defines them, "released" as the PyTorch release does,
            which draws the representations towards equal probabilities.
        temperature: divides the logits in the distillation terms; not in the released vcd.
        cml_eps: how much the Sinkhorn distance blurs the matching of pictures.
        cml_iterations: the most iterations of the Sinkhorn distance.
        specific: weight of the two modality-specific branches within the identity and metric losses.
        shared: weight of the two shared passes within the identity and metric losses.
    """

    identity_weight: float = 1.0
    metric_weight: float = 1.0
    vsd_weight: float = 2.0
    vcd_weight: float = 2.0
    vml_weight: float = 1.0
    cml_weight: float = 0.0
    metric: Literal["triplet", "centre", "wrt", "rank"] = "centre"
    margin: float = 0.3
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

    def __post_init__(self) -> None:
        for name in ("identity", "metric", "vsd", "vcd", "vml", "cml"):
            weight = getattr(self, f"{name}_weight")
            require(weight >= 0, f"losses.{name}_weight", "0 or more", weight)
        require(self.margin >= 0, "losses.margin", "0 or more", self.margin)
        require(min(self.rank_margins) >= 0, "losses.rank_margins", "0 or more", self.rank_margins)
        require(min(self.rank_alphas) > 0, "losses.rank_alphas", "above 0", self.rank_alphas)
        require(self.rank_temperature >= 0, "losses.rank_temperature", "0 or more", self.rank_temperature)
        require(0 <= self.label_smoothing < 1, "losses.label_smoothing", "from 0 to below 1", self.label_smoothing)
        require(self.temperature > 0, "losses.temperature", "above 0", self.temperature)
        require(self.cml_eps >= 0.005, "losses.cml_eps", "at least 0.005", self.cml_eps)
        require(self.cml_iterations >= 1, "losses.cml_iterations", "at least 1", self.cml_iterations)
