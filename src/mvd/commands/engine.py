"""The engine: the framework that trains and runs the network, behind a small protocol.

Only numpy arrays, configurations, paths and observers cross the protocol. Devices, precision and processes are internal
to an engine. An engine is a module; `load_engine` imports the engine that a configuration names, so that no command
imports a framework before it computes.

Shapes: N pictures, D width of an embedding, K classes.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from mvd.config import Machine, RunConfig
from mvd.data.images import Preprocessing
from mvd.data.pictures import Pictures
from mvd.data.training import TrainingData
from mvd.errors import ConfigError, argument_names
from mvd.metrics.projection import Projection
from mvd.metrics.validation import Validation
from mvd.runs import RunFolder
from mvd.runs.observer import Observer

_MODULES = {"pytorch": "mvd.training.engine", "mindspore": "mvd.mindspore.engine"}
PACKAGES = {"pytorch": "torch", "mindspore": "mindspore"}
"""The package of each framework."""

_EXTRAS = {"pytorch": "mvd[torch]", "mindspore": "mvd[mindspore]"}
_FOR = {"pytorch": "", "mindspore": " (Python 3.10 to 3.12)"}


class Engine(Protocol):
    """A framework that trains and runs the network."""

    def check(self, config: RunConfig) -> str:
        """Check that a configuration can be trained here, before anything is written, and name the device.

        Raises:
            ConfigError: the device is missing, the network cannot be built, or it cannot be compiled.
        """

    def checkpoint_size(self, config: RunConfig, classes: int) -> tuple[int, int]:
        """Return the sizes, in bytes, of a run's weights and of the optimizer's state in a checkpoint."""

    def adapt(self, config: RunConfig, machine: Machine) -> tuple[RunConfig, tuple[str, ...]]:
        """Choose the device, and the settings that depend on it, for an existing run.

        Returns:
            The configuration to use here, and a line for each setting that differs from the run's own.

        Raises:
            ConfigError: the machine does not have what is asked for.
        """

    def fit(
        self,
        config: RunConfig,
        data: TrainingData,
        run: RunFolder,
        *,
        observer: Observer,
        validation: Validation | None = None,
        resume: bool = False,
        initial: Mapping[str, npt.NDArray[Any]] | None = None,
    ) -> bool:
        """Train, and write checkpoints and log lines to the run folder.

        Args:
            config: configuration of the run.
            data: the training data.
            run: the run folder, which exists.
            observer: observes the run.
            validation: the validation data; the best checkpoint has the highest mAP on them. None trains without.
            resume: continue from the last checkpoint, to which the run was restored (`mvd.runs.recover`).
            initial: initial tensors of a new run, by the network's names; other tensors are initialised from the seed.
                Ignored by a resumed run.

        Returns:
            Whether the run finished, instead of being stopped by the observer.

        Raises:
            TrainingError: a loss or a weight is no longer finite.
            CheckpointError: the checkpoint to resume from does not fit.
            ConfigError: the device is missing.
        """

    def embed(
        self,
        config: RunConfig,
        classes: int,
        checkpoint: Path | None,
        pictures: Pictures,
        *,
        modalities: npt.NDArray[np.int64] | None = None,
    ) -> npt.NDArray[np.float32]:
        """Embed pictures.

        Args:
            config: configuration of the run.
            classes: K of that run.
            checkpoint: the weights; None for the network before training.
            pictures: N pictures.
            modalities: (N,), the `Modality` of each picture in order; only a network with a stem per modality needs
                them.

        Returns:
            (N, D) float32, in every process.

        Raises:
            CheckpointError: the weights do not fit.
            ConfigError: the device is missing, or the network needs modalities.
        """

    def export(
        self,
        config: RunConfig,
        classes: int,
        checkpoint: Path | None,
        file: Path,
        *,
        preprocessing: Preprocessing,
        projection: Projection | None = None,
    ) -> None:
        """Export the network as a program that maps pictures to embeddings, in float32.

        PyTorch writes ONNX, for any batch size. MindSpore writes MindIR, for the batch size `runtime.embed_batch`, or
        64 if it is not set.

        Args:
            config: configuration of the run, which determines H × W.
            classes: K of that run.
            checkpoint: the weights; None for the network before training.
            file: the file to write.
            preprocessing: "inside" takes "pictures" (B, H, W, 3) uint8, RGB; "outside" takes "images" (B, 3, H, W)
                float32, normalised. A network with a stem per modality also takes "modalities" (B,) int64. The output
                is "descriptors" (B, D) float32.
            projection: projection of the embeddings, which becomes a layer of the program; D is then its width.

        Raises:
            CheckpointError: the weights do not fit.
            ConfigError: a required package is not installed.
        """


@contextmanager
def machine_flags() -> Iterator[None]:
    """Name the flags of `Machine` in errors, for verbs that take them: --device instead of --runtime.device."""
    with argument_names():
        yield


def choose_framework(config: RunConfig) -> RunConfig:
    """Replace the framework "auto" by PyTorch if it is installed, or by MindSpore if only MindSpore is installed."""
    if config.framework != "auto":
        return config
    alone = is_installed("mindspore") and not is_installed("pytorch")
    return replace(config, framework="mindspore" if alone else "pytorch")


def is_installed(framework: str) -> bool:
    """Return whether a framework's package is installed, without importing it."""
    return importlib.util.find_spec(PACKAGES[framework]) is not None


def load_engine(config: RunConfig) -> Engine:
    """Import the engine of the framework that a configuration names.

    Raises:
        ConfigError: the framework is not installed.
    """
    framework = choose_framework(config).framework
    if not is_installed(framework):
        other = next((f", or compute in {one}: --framework {one}" for one in PACKAGES if is_installed(one)), "")
        raise ConfigError(
            f"framework: expected the package {PACKAGES[framework]}, found none; install it: "
            f"pip install '{_EXTRAS[framework]}'{_FOR[framework]}{other}"
        )
    # PyTorch would load every installed device extension, and fail if any is broken. A device is only looked up when a
    # run asks for it.
    os.environ.setdefault("TORCH_DEVICE_BACKEND_AUTOLOAD", "0")
    return cast("Engine", importlib.import_module(_MODULES[framework]))


def fit_machine(config: RunConfig, machine: Machine) -> tuple[Engine, RunConfig, tuple[str, ...]]:
    """Load the engine for an existing run, and adapt the run's settings to this machine.

    Returns:
        The engine, the configuration to use here, and a line for each setting that differs from the run's own.

    Raises:
        ConfigError: the machine does not have what is asked for.
    """
    own = choose_framework(config)
    framework = machine.framework
    if framework == "auto":
        # A run's own framework is only a preference: its checkpoints work in any framework.
        framework = own.framework if is_installed(own.framework) else choose_framework(RunConfig()).framework
    chosen = replace(own, framework=framework)
    engine = load_engine(chosen)
    fitted, lines = engine.adapt(chosen, machine)
    if framework != own.framework:
        lines = (f"framework: {framework}; the run was trained with {own.framework}", *lines)
    return engine, fitted, lines
