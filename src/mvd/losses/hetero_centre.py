"""Hetero-centre triplet loss: triplets of centres, one centre for each person in each modality.

Every row is replaced by the centre of its group, and the loss of a centre is divided among the rows of its group.
The shapes are then those of the batch, however many groups it has, and nothing waits for the device.

Shapes: B batch, D width.
"""

from __future__ import annotations

from torch import Tensor

from mvd.losses.distances import hardest_triplets, pairwise_distances


def hetero_centre_triplet_loss(features: Tensor, labels: Tensor, modalities: Tensor, *, margin: float) -> Tensor:
    """Average the batch-hard triplet loss over the centres of a batch (Liu et al., IEEE TMM 2020).

    c_{y,m} is the mean feature of the rows with label y and modality m. For each centre: max(0, margin +
    d(c, furthest centre of the same person) − d(c, nearest centre of another person)). The MindSpore release
    takes four consecutive rows for a group; this takes the groups from the labels, and agrees where rows are laid
    out like that.

    Args:
        features: (B, D); of length 1 where angles are to count (`losses.unit_features`).
        labels: (B,).
        modalities: (B,).
        margin: 0 or more, in Euclidean distance.

    Returns:
        A scalar, 0 or more.
    """
    same_label = labels[:, None] == labels[None, :]
    same_modality = modalities[:, None] == modalities[None, :]
    group = same_label & same_modality
    share = 1.0 / group.sum(dim=1).to(features.dtype)
    centres = (group * share) @ features
    per_row = hardest_triplets(pairwise_distances(centres, group), labels, margin=margin)
    return (per_row * share).sum() / share.sum()
