"""MVD in MindSpore, with the same names as in the PyTorch packages.

`models` contains the networks, `losses` the losses. Tensors have the names of `mvd.weights` in both frameworks, so
weights can be exchanged. Both of MindSpore's modes are supported.

In a compiled graph, a named tuple would silently stop the gradient. There, outputs are plain tuples of the same
structure; outside a graph they are the named tuples of `mvd.models.outputs`.

>>> import mvd.mindspore, numpy as np
>>> from mindspore import Tensor
>>> network = mvd.mindspore.create_model("mvd", classes=5, arch="resnet18", base_width=8).set_train(True)
>>> network(Tensor(np.zeros((2, 3, 64, 32), np.float32))).shared_visible.observation.logits.shape
(2, 5)
"""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING

from mvd.errors import ConfigError

if importlib.util.find_spec("mindspore") is None:
    raise ConfigError(
        "framework mindspore: expected the package mindspore, found none; pip install 'mvd[mindspore]' (Python 3.10 to "
        "3.12), or take --framework pytorch"
    )

# With AVX-512, the oneDNN library in MindSpore falls back to a reference convolution: a small training step takes 40 to
# 70 s instead of 1.4 s. oneDNN reads the variable once, so it is set before MindSpore is imported. It has no effect on
# CPUs without AVX-512.
CHOSE_INSTRUCTIONS = "ONEDNN_MAX_CPU_ISA" not in os.environ
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")
# Log errors only: MindSpore's warnings concern authors of graphs.
os.environ.setdefault("GLOG_v", "3")

if TYPE_CHECKING:
    from mvd.mindspore.losses.objective import Objective, build_objective
    from mvd.mindspore.models.factory import build_network, create_model

__all__ = ["Objective", "build_network", "build_objective", "create_model"]

_HOMES = {
    "Objective": "mvd.mindspore.losses.objective",
    "build_network": "mvd.mindspore.models.factory",
    "build_objective": "mvd.mindspore.losses.objective",
    "create_model": "mvd.mindspore.models.factory",
}


if not TYPE_CHECKING:  # a type checker has the imports above, and reports any other name

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module 'mvd.mindspore' has no attribute {name!r}")
        return getattr(importlib.import_module(_HOMES[name]), name)
