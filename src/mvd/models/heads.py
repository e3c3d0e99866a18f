"""The heads of a branch: the BN neck computes the observation v, the information bottleneck the representation z.

Both return the feature and the logits that their own classifier reads from it. The bottleneck is deterministic, as in
both released codes: the mean of p(z|v), with no sampling and no prior, because the losses of MVD bound the mutual
information through the classifiers alone (Tian et al., CVPR 2021).

Classifiers start near zero, so that P_v and P_z both start near uniform and the distillation losses near 0.

Shapes: B batch, C channels of the encoder, z width of the representation, K classes.
"""

from __future__ import annotations

from torch import Tensor, nn

from mvd.config import ModelConfig
from mvd.models.outputs import Prediction

_CLASSIFIER_STD = 0.001


class BNNeck(nn.Module):
    """Batch norm between the pooled feature and its linear classifier (Luo et al., CVPR workshops 2019).

    The released codes of MVD use the normalised feature for everything: classifier, metric loss, bottleneck and
    descriptor. The bias is trained in the MindSpore release and frozen in the PyTorch release and in AGW.
    """

    def __init__(self, channels: int, classes: int, config: ModelConfig) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)
        self.norm.bias.requires_grad_(config.neck_bias)
        self.classifier = classifier(channels, classes)

    def forward(self, pooled: Tensor) -> Prediction:
        """Compute the observation of pooled features (B, C): features (B, C), logits (B, K)."""
        features = self.norm(pooled)
        return Prediction(features, self.classifier(features))


class InformationBottleneck(nn.Module):
    """The MLP from an observation to its representation z, and the classifier of z."""

    def __init__(self, channels: int, classes: int, config: ModelConfig) -> None:
        super().__init__()
        first, second = config.bottleneck_widths
        self.layers = nn.Sequential(
            nn.Linear(channels, first),
            nn.BatchNorm1d(first),
            nn.ReLU(),
            nn.Linear(first, second),
            nn.BatchNorm1d(second),
            nn.ReLU(),
            nn.Linear(second, config.z_dim),
        )
        self.classifier = nn.Sequential(
            nn.Linear(config.z_dim, config.classifier_width),
            nn.BatchNorm1d(config.classifier_width),
            nn.LeakyReLU(0.1),
            nn.Dropout(config.dropout),
            classifier(config.classifier_width, classes),
        )
        for layer in (*self.layers, self.classifier[0]):
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)

    def forward(self, observation: Tensor) -> Prediction:
        """Compute the representation of observations (B, C): features (B, z), logits (B, K)."""
        features = self.layers(observation)
        return Prediction(features, self.classifier(features))


def classifier(width: int, classes: int) -> nn.Linear:
    """Make a linear classifier whose weights start near zero."""
    linear = nn.Linear(width, classes)
    nn.init.normal_(linear.weight, std=_CLASSIFIER_STD)
    nn.init.zeros_(linear.bias)
    return linear
