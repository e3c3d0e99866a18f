"""Losses of visible–infrared re-identification, each as a function and as an `nn.Module` over plain tensors.

They compute in the dtype of what they are given; under mixed precision, pass float32 outside autocast, as
`Objective` does. All return scalars that can be differentiated, and none makes the host wait for the device.
"""

from mvd.losses.cml import CML, conventional_mutual_learning
from mvd.losses.contrastive import Contrastive, contrastive_loss
from mvd.losses.hetero_centre import HeteroCentreTriplet, hetero_centre_triplet_loss
from mvd.losses.identity import IdentityLoss, identity_loss
from mvd.losses.objective import Losses, Objective, Term, accuracy, build_objective, loss_terms
from mvd.losses.quadruple_centre import QuadrupleCentre, quadruple_centre_loss
from mvd.losses.rank_loss import RankLoss, rank_loss
from mvd.losses.released import (
    ReleasedVCD,
    ReleasedVSD,
    released_cross_distillation,
    released_self_distillation,
)
from mvd.losses.triplet import TripletLoss, triplet_loss
from mvd.losses.vcd import VCD, variational_cross_distillation
from mvd.losses.vml import VML, variational_mutual_learning
from mvd.losses.vsd import VSD, variational_self_distillation
from mvd.losses.weighted_triplet import WeightedTriplet, weighted_triplet_loss

__all__ = [
    "CML",
    "VCD",
    "VML",
    "VSD",
    "Contrastive",
    "HeteroCentreTriplet",
    "IdentityLoss",
    "Losses",
    "Objective",
    "QuadrupleCentre",
    "RankLoss",
    "ReleasedVCD",
    "ReleasedVSD",
    "Term",
    "TripletLoss",
    "WeightedTriplet",
    "accuracy",
    "build_objective",
    "contrastive_loss",
    "conventional_mutual_learning",
    "hetero_centre_triplet_loss",
    "identity_loss",
    "loss_terms",
    "quadruple_centre_loss",
    "rank_loss",
    "released_cross_distillation",
    "released_self_distillation",
    "triplet_loss",
    "variational_cross_distillation",
    "variational_mutual_learning",
    "variational_self_distillation",
    "weighted_triplet_loss",
]
