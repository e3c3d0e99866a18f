"""Tests with real MindSpore: `make test-mindspore` makes an environment that has it."""

from __future__ import annotations

import importlib.util
import os

# As `mvd.mindspore` does, for tests that import MindSpore before it.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")

collect_ignore_glob = [] if importlib.util.find_spec("mindspore") else ["test_*.py"]
