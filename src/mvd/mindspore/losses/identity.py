"""Identity loss: cross-entropy over the identities of the training set.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from mindspore import Tensor, ops

from mvd.mindspore.models.arithmetic import log_softmax


def identity_loss(logits: Tensor, labels: Tensor, *, smoothing: float = 0.1) -> Tensor:
    """Average the label-smoothed cross-entropy over the batch (Szegedy et al., CVPR 2016, section 7).

    Args:
        logits: (B, K).
        labels: (B,) int32 or int64, from 0 to K − 1.
        smoothing: ε, from 0 to below 1.

    Returns:
        A scalar, 0 or more.

    >>> import mindspore
    >>> print(f"{identity_loss(ops.zeros((3, 4)), mindspore.Tensor([0, 1, 2]), smoothing=0.0).item():.4f}")  # ln 4
    1.3863
    """
    log_p = log_softmax(logits)
    of_label = ops.gather_elements(log_p, 1, labels.expand_dims(1)).mean()
    return -(1.0 - smoothing) * of_label - smoothing * log_p.mean()
