"""mvd: visible–infrared person re-identification in PyTorch; the method is MVD (Tian et al., CVPR 2021).

Every name in `__all__`, and every subpackage (`mvd.losses`, `mvd.data`, `mvd.metrics` …), is imported when it is
first used. `import mvd` itself imports neither PyTorch nor NumPy.

>>> import mvd
>>> mvd.recipes["demo"].model.arch
'resnet18'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mvd.errors import needing_torch

if TYPE_CHECKING:
    from mvd import config, data, errors, losses, metrics, models, synthetic, training, weights
    from mvd.commands.ablate import ablate
    from mvd.commands.benchmark import benchmark
    from mvd.commands.calibrate import calibrate
    from mvd.commands.check import check
    from mvd.commands.demo import demo
    from mvd.commands.embed import embed
    from mvd.commands.evaluate import evaluate
    from mvd.commands.export import export
    from mvd.commands.gallery import Gallery
    from mvd.commands.import_weights import import_weights
    from mvd.commands.prepare import prepare
    from mvd.commands.push import push
    from mvd.commands.report import report
    from mvd.commands.runs import compare_runs, list_runs
    from mvd.commands.show import show
    from mvd.commands.split import split
    from mvd.commands.synth import synth
    from mvd.commands.train import resume, train
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
    "Gallery": "mvd.commands.gallery",
    "RunConfig": "mvd.config",
    "ablate": "mvd.commands.ablate",
    "calibrate": "mvd.commands.calibrate",
    "benchmark": "mvd.commands.benchmark",
    "check": "mvd.commands.check",
    "compare_runs": "mvd.commands.runs",
    "convert": "mvd.weights.load",
    "create_model": "mvd.models.factory",
    "demo": "mvd.commands.demo",
    "embed": "mvd.commands.embed",
    "evaluate": "mvd.commands.evaluate",
    "export": "mvd.commands.export",
    "import_weights": "mvd.commands.import_weights",
    "list_runs": "mvd.commands.runs",
    "open_model": "mvd.inference",
    "prepare": "mvd.commands.prepare",
    "push": "mvd.commands.push",
    "recipes": "mvd.config.recipes:RECIPES",
    "report": "mvd.commands.report",
    "resume": "mvd.commands.train",
    "serve": "mvd.page.serve",
    "show": "mvd.commands.show",
    "split": "mvd.commands.split",
    "synth": "mvd.commands.synth",
    "train": "mvd.commands.train",
}
"""The module of each public name, with ":NAME" where it has another name there."""


if not TYPE_CHECKING:  # a type checker has the imports above, and reports any other name

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module 'mvd' has no attribute {name!r}")
        with needing_torch(f"mvd.{name}: expected PyTorch, which it needs, found none"):
            if name in _HOMES:
                module, _, attribute = _HOMES[name].partition(":")
                value = getattr(import_module(module), attribute or name)
            else:
                value = import_module(f"mvd.{name}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
