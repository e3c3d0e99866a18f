"""The PyTorch backend: CPU, CUDA and every device that PyTorch has."""

from __future__ import annotations

from pathlib import Path

from mvd.backends import Backend, Descriptors, Modalities, Pictures
from mvd.backends.pytorch.devices import compile_obstacle, resolve_device
from mvd.backends.pytorch.embed import describe
from mvd.backends.pytorch.export import export
from mvd.backends.pytorch.losses.objective import build_objective
from mvd.backends.pytorch.train import fit
from mvd.backends.pytorch.weights import initial_network, restore_network
from mvd.config import RunConfig
from mvd.errors import ConfigError
from mvd.runs import load_checkpoint


class _PyTorch:
    fit = staticmethod(fit)
    export = staticmethod(export)

    @staticmethod
    def check(config: RunConfig) -> str:
        build_objective(config)
        device = resolve_device(config.runtime.device)
        if config.runtime.compile and (obstacle := compile_obstacle(device)):
            raise ConfigError(f"runtime.compile: expected {obstacle}, found none; install one, or do without compiling")
        return str(device)

    @staticmethod
    def compile_obstacle(config: RunConfig) -> str | None:
        return compile_obstacle(resolve_device(config.runtime.device))

    @staticmethod
    def embed(
        config: RunConfig,
        classes: int,
        checkpoint: Path | None,
        pictures: Pictures,
        modalities: Modalities | None = None,
    ) -> Descriptors:
        network = initial_network(config, classes, resolve_device(config.runtime.device))
        if checkpoint is not None:
            restore_network(network, load_checkpoint(checkpoint)[0], checkpoint)
        return describe(network, config.runtime, pictures, modalities)


BACKEND: Backend = _PyTorch()
