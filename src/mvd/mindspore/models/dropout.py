"""Dropout masks, passed to the network as an input.

MindSpore's dropout on a CPU has a state that `set_seed` does not reset, so a step would not be reproducible. These
masks depend on the seed and the step only.

Shapes: B batch, P passes of the network.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mvd.config import ModelConfig


def draw_dropout(config: ModelConfig, batch: int, *, seed: int, step: int) -> npt.NDArray[np.float32] | None:
    """Draw the dropout masks of each pass of a network, for its argument `keep`.

    Args:
        config: the architecture.
        batch: B, the batch size.
        seed: seed of the run.
        step: training step, from 0.

    Returns:
        (P, B, classifier width) float32, 0 or 1 / (1 − dropout); None if the network has no dropout.

    >>> draws = draw_dropout(ModelConfig(), 8, seed=1, step=0)
    >>> draws.shape, np.unique(draws).tolist()
    ((4, 8, 256), [0.0, 2.0])
    """
    if not config.bottleneck or config.dropout == 0:
        return None
    passes = 4 if config.encoders == "mvd" else 1
    drawn = np.random.default_rng((seed, step)).random((passes, batch, config.classifier_width), dtype=np.float32)
    return (drawn >= config.dropout).astype(np.float32) / np.float32(1 - config.dropout)
