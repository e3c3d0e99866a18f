"""Tests in an environment that has both frameworks: `make test-mindspore`. Elsewhere nothing here is collected."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator

import pytest

if importlib.util.find_spec("mindspore") is None:
    collect_ignore_glob = ["*"]
else:
    with warnings.catch_warnings():
        # What MindSpore warns of while it is imported is not ours.
        warnings.simplefilter("ignore")
        import mvd.mindspore.losses
        import mvd.mindspore.models.factory  # noqa: F401
        from mvd.config import RuntimeConfig
        from mvd.mindspore.device import computing

        # Before PyTorch convolves: it settles the instructions of both (`mvd.mindspore.device`).
        with computing(RuntimeConfig(compile=False), "cpu"):
            pass


@pytest.fixture(params=["pynative", "graph"])
def graph(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether MindSpore compiles whole graphs; the test runs in that mode, and in the other."""
    from mvd.config import RuntimeConfig
    from mvd.mindspore.device import computing

    compiled = request.param == "graph"
    with computing(RuntimeConfig(compile=compiled), "cpu"):
        yield compiled
