"""Batches to look at: what the network is trained on, as pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from mvd.config import RunConfig
from mvd.data.images import MEAN, STD
from mvd.runs.observer import SampleBatch
from mvd.training.batches import HostBatch
from mvd.training.device_augment import augment


def sample_batch(batch: HostBatch, config: RunConfig, identities: npt.NDArray[np.int64]) -> SampleBatch:
    """Turn a batch into pictures, augmented as its draws say; on the CPU, so that no device is kept waiting.

    Args:
        batch: on the host; the whole one, or the first process's share.
        config: the run.
        identities: the identity of each class.
    """
    images = augment(batch.pictures, batch.draws, config.augment, torch.contiguous_format)
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    pictures = ((images * std + mean) * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous()
    # The first process's rows come first; of a run that several share, it alone is watched.
    classes = batch.everyone[0, : len(pictures)]
    return SampleBatch(pictures.numpy(), identities[classes.numpy()], batch.modalities.numpy())
