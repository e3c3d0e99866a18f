"""Hetero-centre triplet loss: triplets of centres, one centre for each identity in each modality.

Every row is replaced by the centre of its group, and the loss of a centre is divided among the rows of its group.
The shapes are then those of the batch, however many groups it has, and the host never waits for the device.

Shapes: B batch, D width.
"""

from __future__ import annotations

from torch import Tensor, nn

from mvd.losses.distances import hardest_triplets, pairwise_distances


def hetero_centre_triplet_loss(
    features: Tensor, labels: Tensor, modalities: Tensor, *, margin: float | None = 0.3
) -> Tensor:
    """Average the batch-hard triplet loss over the centres of a batch (Liu et al., IEEE TMM 2020).

    c_{y,m} is the mean feature of the rows with label y and modality m. For each centre: max(0, margin +
    d(c, furthest centre of the same identity) − d(c, nearest centre of another identity)). The MindSpore release
    takes four consecutive rows as a group; this takes the groups from the labels, and agrees where rows are in that
    order.

    Args:
        features: (B, D); divide them by their L2 norm to compare angles.
        labels: (B,).
        modalities: (B,), 0 visible and 1 infrared.
        margin: 0 or more, in Euclidean distance; None for the soft margin log(1 + exp(d⁺ − d⁻)).

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


class HeteroCentreTriplet(nn.Module):
    """`hetero_centre_triplet_loss` as a module.

    >>> import torch
    >>> features = torch.tensor([[0.0], [1.0], [3.0], [4.0]])
    >>> HeteroCentreTriplet(margin=2.0)(features, torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1]))
    tensor(0.5000)
    """

    def __init__(self, margin: float | None = 0.3) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, features: Tensor, labels: Tensor, modalities: Tensor) -> Tensor:
        """Take features (B, D), labels (B,) and modalities (B,)."""
        return hetero_centre_triplet_loss(features, labels, modalities, margin=self.margin)
