"""The PyTorch backend: CPU, CUDA and every device that PyTorch has."""

from __future__ import annotations

from pathlib import Path

from mvd.backends import Backend, Descriptors, Pictures
from mvd.backends.pytorch.devices import resolve_device
from mvd.backends.pytorch.embed import describe
from mvd.backends.pytorch.losses.objective import Objective
from mvd.backends.pytorch.train import fit
from mvd.backends.pytorch.weights import initial_network, restore_network
from mvd.config import RunConfig
from mvd.runs import load_checkpoint


class _PyTorch:
    fit = staticmethod(fit)

    @staticmethod
    def check(config: RunConfig) -> str:
        Objective(config.losses)
        return str(resolve_device(config.runtime.device))

    @staticmethod
    def embed(config: RunConfig, classes: int, checkpoint: Path | None, pictures: Pictures) -> Descriptors:
        network = initial_network(config, classes, resolve_device(config.runtime.device))
        if checkpoint is not None:
            restore_network(network, load_checkpoint(checkpoint)[0], checkpoint)
        return describe(network, pictures, config.runtime)


BACKEND: Backend = _PyTorch()
