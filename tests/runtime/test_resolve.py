"""What "auto" means on each kind of device, found out on a CPU."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from mvd import distributed
from mvd.config import ModelConfig, RunConfig, RuntimeConfig
from mvd.errors import ConfigError
from mvd.runtime import resolve
from mvd.runtime.resolve import resolve_runtime

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
LONG, SHORT = 25_000, 100


@pytest.fixture
def ampere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CUDA device from Ampere on, with triton."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    monkeypatch.setattr(resolve, "compile_obstacle", lambda device: None)


def choose(
    device: torch.device, steps: int = LONG, model: ModelConfig | None = None, **runtime: Any
) -> tuple[Any, ...]:
    config = RunConfig(runtime=RuntimeConfig(**runtime), model=model or ModelConfig())
    chosen = resolve_runtime(config, device, steps).runtime
    return chosen.precision, chosen.compile, chosen.cuda_graphs


def test_a_cpu_computes_in_float32_as_it_is() -> None:
    assert choose(CPU) == ("fp32", False, False)


@pytest.mark.usefixtures("ampere")
def test_cuda_computes_in_bf16_compiled_and_recorded() -> None:
    assert choose(CUDA) == ("bf16", True, True)
    assert choose(CUDA, steps=SHORT) == ("bf16", False, True)


@pytest.mark.usefixtures("ampere")
def test_explicit_settings_stay() -> None:
    assert choose(CUDA, precision="fp32", compile=False, cuda_graphs=False) == ("fp32", False, False)
    assert choose(CUDA, steps=SHORT, precision="tf32", compile=True) == ("tf32", True, True)
    assert choose(CPU, precision="bf16", compile=True) == ("bf16", True, False)


@pytest.mark.usefixtures("ampere")
def test_what_cannot_be_recorded_or_compiled_is_not() -> None:
    assert choose(CUDA, recompute=True) == ("bf16", False, False)
    assert choose(CUDA, accumulate=2) == ("bf16", True, False)
    stems = ModelConfig(encoders="shared", stems="specific", bottleneck=False)
    assert choose(CUDA, model=stems) == ("bf16", True, False)
    with pytest.raises(ConfigError, match=r"^runtime\.cuda-graphs: expected auto or False with a stem"):
        choose(CUDA, model=stems, cuda_graphs=True)
    with pytest.raises(ConfigError, match=r"^runtime\.cuda-graphs: expected auto or False on cpu, found True"):
        choose(CPU, cuda_graphs=True)


def test_an_older_cuda_device_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    monkeypatch.setattr(resolve, "compile_obstacle", lambda device: "the package triton")
    assert choose(CUDA) == ("fp32", False, True)


def test_several_processes_record_no_graph(monkeypatch: pytest.MonkeyPatch, ampere: None) -> None:
    monkeypatch.setattr(distributed, "count", lambda: 2)
    assert choose(CUDA) == ("bf16", True, False)


def test_a_resolved_configuration_differs_in_nothing_else() -> None:
    config = RunConfig()
    resolved = resolve_runtime(config, CPU, LONG)
    assert replace(resolved, runtime=config.runtime) == config
