"""Losses of visible–infrared re-identification in MindSpore, each a function over plain tensors.

Names, arguments and values are those of `mvd.losses`; see its documentation. All losses can be compiled.
"""

from mvd.mindspore.losses.cml import conventional_mutual_learning
from mvd.mindspore.losses.hetero_centre import hetero_centre_triplet_loss
from mvd.mindspore.losses.identity import identity_loss
from mvd.mindspore.losses.objective import Losses, Objective, accuracy, build_objective
from mvd.mindspore.losses.rank_loss import rank_loss
from mvd.mindspore.losses.released import released_cross_distillation, released_self_distillation
from mvd.mindspore.losses.triplet import triplet_loss
from mvd.mindspore.losses.vcd import variational_cross_distillation
from mvd.mindspore.losses.vml import variational_mutual_learning
from mvd.mindspore.losses.vsd import variational_self_distillation
from mvd.mindspore.losses.weighted_triplet import weighted_triplet_loss

__all__ = [
    "Losses",
    "Objective",
    "accuracy",
    "build_objective",
    "conventional_mutual_learning",
    "hetero_centre_triplet_loss",
    "identity_loss",
    "rank_loss",
    "released_cross_distillation",
    "released_self_distillation",
    "triplet_loss",
    "variational_cross_distillation",
    "variational_mutual_learning",
    "variational_self_distillation",
    "weighted_triplet_loss",
]
