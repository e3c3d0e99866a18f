"""The demo runs in the framework that is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from mvd.commands.training.demo import demo
from mvd.config import Machine, RunConfig
from mvd.errors import ConfigError


def test_the_demo_is_trained_in_the_framework_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def load(config: RunConfig) -> None:
        raise ConfigError(config.framework)

    monkeypatch.setattr("mvd.commands.training.demo.load_engine", load)
    with pytest.raises(ConfigError, match=r"^mindspore$"):
        demo(tmp_path / "demo", machine=Machine(framework="mindspore"))
