"""The PyTorch backend: CPU, CUDA and every device that PyTorch has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from mvd.config import RunConfig
from mvd.data.sources import Pictures
from mvd.distributed.process_group import joined, local_runtime, require_shares
from mvd.engine import ALONE, Backend, Descriptors, Embed, Modalities, Observer, Ranks, TrainingData
from mvd.errors import ConfigError
from mvd.inference.embed import describe
from mvd.inference.export import export
from mvd.losses.objective import build_objective
from mvd.models.state import initial_network, restore_network
from mvd.runs import RunFolder, Tensors, load_checkpoint
from mvd.runtime.device import compile_obstacle, resolve_device
from mvd.runtime.precision import check_precision, numerics
from mvd.training.trainer import fit


class _PyTorch:
    export = staticmethod(export)

    @staticmethod
    def ranks(config: RunConfig) -> AbstractContextManager[Ranks]:
        return joined(config.runtime)

    @staticmethod
    def fit(
        config: RunConfig,
        data: TrainingData,
        run: RunFolder,
        *,
        validate: Callable[[Embed], Mapping[str, float]] | None,
        observer: Observer,
        resume: bool,
        initial: Tensors | None = None,
        ranks: Ranks = ALONE,
    ) -> bool:
        config = replace(config, runtime=local_runtime(config.runtime))
        with numerics(config.runtime, resolve_device(config.runtime.device)):
            return fit(
                config, data, run, validate=validate, observer=observer, resume=resume, initial=initial, ranks=ranks
            )

    @staticmethod
    def check(config: RunConfig) -> str:
        build_objective(config)
        device = resolve_device(local_runtime(config.runtime).device)
        check_precision(config.runtime, device)
        require_shares(config)
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
        *,
        modalities: Modalities | None = None,
        ranks: Ranks = ALONE,
    ) -> Descriptors:
        runtime = local_runtime(config.runtime)
        device = resolve_device(runtime.device)
        check_precision(runtime, device)
        with numerics(runtime, device):
            network = initial_network(config, classes, device)
            if checkpoint is not None:
                restore_network(network, ranks.first(lambda: load_checkpoint(checkpoint))[0], checkpoint)
            return describe(network, runtime, pictures, modalities, share=ranks)


BACKEND: Backend = _PyTorch()
