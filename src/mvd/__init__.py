"""mvd: visible–infrared person re-identification in PyTorch; the method is MVD (Tian et al., CVPR 2021).

Every name in `__all__`, and every subpackage (`mvd.losses`, `mvd.data`, `mvd.metrics` …), is imported when it is
first used. `import mvd` itself imports neither PyTorch nor NumPy.

>>> import mvd
>>> mvd.recipes["demo"].model.arch
'resnet18'
"""

from __future__ import annotations

from importlib import import_module
from threading import RLock
from typing import TYPE_CHECKING

from mvd.errors import needing_torch

if TYPE_CHECKING:
    from mvd import config, data, errors, losses, metrics, models, synthetic, training, weights
    from mvd.commands.data.check import check
    from mvd.commands.data.prepare import prepare
    from mvd.commands.data.split import split
    from mvd.commands.data.synth import synth
    from mvd.commands.pictures.calibrate import calibrate
    from mvd.commands.pictures.embed import embed
    from mvd.commands.pictures.gallery import Gallery
    from mvd.commands.results.evaluate import evaluate
    from mvd.commands.results.report import report
    from mvd.commands.results.runs import compare_runs, list_runs
    from mvd.commands.training.ablate import ablate
    from mvd.commands.training.benchmark import benchmark
    from mvd.commands.training.demo import demo
    from mvd.commands.training.train import resume, train
    from mvd.commands.weights.export import export
    from mvd.commands.weights.import_weights import import_weights
    from mvd.commands.weights.push import push
    from mvd.commands.weights.show import show
    from mvd.config import RunConfig
    from mvd.config.recipes import RECIPES as recipes  # noqa: N811
    from mvd.inference import open_model
    from mvd.inference.embedder import Embedder
    from mvd.models.factory import create_model
    from mvd.page.serve import serve
    from mvd.weights.load import convert

__version__ = "0.3.0"

__all__ = [
    "Embedder",
    "Gallery",
    "RunConfig",
    "__version__",
    "ablate",
    "benchmark",
    "calibrate",
    "check",
    "compare_runs",
    "config",
    "convert",
    "create_model",
    "data",
    "demo",
    "embed",
    "errors",
    "evaluate",
    "export",
    "import_weights",
    "list_runs",
    "losses",
    "metrics",
    "models",
    "open_model",
    "prepare",
    "push",
    "recipes",
    "report",
    "resume",
    "serve",
    "show",
    "split",
    "synth",
    "synthetic",
    "train",
    "training",
    "weights",
]

_HOMES = {
    "Embedder": "mvd.inference.embedder",
    "Gallery": "mvd.commands.pictures.gallery",
    "RunConfig": "mvd.config",
    "ablate": "mvd.commands.training.ablate",
    "calibrate": "mvd.commands.pictures.calibrate",
    "benchmark": "mvd.commands.training.benchmark",
    "check": "mvd.commands.data.check",
    "compare_runs": "mvd.commands.results.runs",
    "convert": "mvd.weights.load",
    "create_model": "mvd.models.factory",
    "demo": "mvd.commands.training.demo",
    "embed": "mvd.commands.pictures.embed",
    "evaluate": "mvd.commands.results.evaluate",
    "export": "mvd.commands.weights.export",
    "import_weights": "mvd.commands.weights.import_weights",
    "list_runs": "mvd.commands.results.runs",
    "open_model": "mvd.inference",
    "prepare": "mvd.commands.data.prepare",
    "push": "mvd.commands.weights.push",
    "recipes": "mvd.config.recipes:RECIPES",
    "report": "mvd.commands.results.report",
    "resume": "mvd.commands.training.train",
    "serve": "mvd.page.serve",
    "show": "mvd.commands.weights.show",
    "split": "mvd.commands.data.split",
    "synth": "mvd.commands.data.synth",
    "train": "mvd.commands.training.train",
}
"""The module of each public name, with ":NAME" where it has another name there. A subpackage has no such name."""


_importing = RLock()

if not TYPE_CHECKING:  # a type checker has the imports above, and reports any other name

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module 'mvd' has no attribute {name!r}")
        # Threads that each begin to import modules which import each other would find them half done.
        with _importing, needing_torch(f"mvd.{name}: expected PyTorch, which it needs, found none"):
            if name in _HOMES:
                module, _, attribute = _HOMES[name].partition(":")
                value = getattr(import_module(module), attribute or name)
            else:
                value = import_module(f"mvd.{name}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
