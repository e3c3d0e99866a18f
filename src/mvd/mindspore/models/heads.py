"""The heads of a branch: the BN neck computes the observation v, the information bottleneck the representation z.

Both return a feature and the logits of their classifier on it. `mvd.models.heads` explains the initialisation.

Shapes: B batch, C channels of the encoder, z width of the representation, K classes.
"""

from __future__ import annotations

from mindspore import Tensor, nn
from mindspore.common.initializer import HeNormal, Normal

from mvd.config import ModelConfig

_CLASSIFIER_STD = 0.001


class BNNeck(nn.Cell):
    """Batch norm between the pooled feature and its linear classifier (Luo et al., CVPR workshops 2019)."""

    def __init__(self, channels: int, classes: int, config: ModelConfig) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)
        self.norm.beta.requires_grad = config.neck_bias
        self.classifier = _classifier(channels, classes)

    def construct(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the observation of pooled features (B, C): features (B, C), logits (B, K)."""
        features = self.norm(pooled)
        return features, self.classifier(features)


class InformationBottleneck(nn.Cell):
    """The MLP that maps an observation to its representation z, and the classifier of z."""

    def __init__(self, channels: int, classes: int, config: ModelConfig) -> None:
        super().__init__()
        first, second = config.bottleneck_widths
        self.layers = nn.SequentialCell(
            _linear(channels, first),
            nn.BatchNorm1d(first),
            nn.ReLU(),
            _linear(first, second),
            nn.BatchNorm1d(second),
            nn.ReLU(),
            _linear(second, config.z_dim),
        )
        self.classifier = nn.SequentialCell(
            _linear(config.z_dim, config.classifier_width),
            nn.BatchNorm1d(config.classifier_width),
            nn.LeakyReLU(0.1),
            nn.Dropout(p=float(config.dropout)),
            _classifier(config.classifier_width, classes),
        )

    def construct(self, observation: Tensor, keep: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Compute the representation of observations (B, C): features (B, z), logits (B, K).

        Args:
            observation: (B, C).
            keep: (B, classifier width), dropout mask; None uses MindSpore's dropout.
        """
        features = self.layers(observation)
        if keep is None:
            return features, self.classifier(features)
        hidden = self.classifier[2](self.classifier[1](self.classifier[0](features)))
        return features, self.classifier[4](hidden * keep)


def _linear(width: int, out: int) -> nn.Dense:
    return nn.Dense(width, out, weight_init=HeNormal(mode="fan_in", nonlinearity="relu"), bias_init="zeros")


def _classifier(width: int, classes: int) -> nn.Dense:
    return nn.Dense(width, classes, weight_init=Normal(_CLASSIFIER_STD), bias_init="zeros")
