"""Tests with real MindSpore: `make test-mindspore` makes an environment that has it."""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("mindspore"):
    from mvd.config import RuntimeConfig
    from mvd.mindspore.device import computing

    # Before anything else imports MindSpore or computes in PyTorch: it settles the instructions that both use.
    with computing(RuntimeConfig(compile=False), "cpu"):
        pass

collect_ignore_glob = [] if importlib.util.find_spec("mindspore") else ["test_*.py"]
