"""Memory of a step: estimated without taking it, and what a run does where there is too little."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mvd.config import AugmentConfig, DataConfig, ModelConfig, RunConfig, RuntimeConfig, SamplingConfig
from mvd.config.recipes import RECIPES
from mvd.models.factory import build_network
from mvd.runtime import estimate
from mvd.runtime.estimate import estimate_step, fit_into_memory, free_memory

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda"), torch.device("mps")
CLASSES = 5
SMALL = RunConfig(
    data=DataConfig(height=64, width=32),
    sampling=SamplingConfig(identities=2, pictures=2),
    model=ModelConfig(arch="resnet18", base_width=8, bottleneck_widths=(8, 8), z_dim=8, classifier_width=8),
    runtime=RuntimeConfig(device="cpu", precision="fp32"),
)


def choose(config: RunConfig, device: torch.device = CPU, **runtime: Any) -> tuple[Any, str | None]:
    config = replace(config, runtime=replace(config.runtime, **runtime))
    chosen, line = fit_into_memory(config, CLASSES, device)
    return chosen.runtime.recompute, line


@pytest.fixture(autouse=True)
def no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Estimate small networks too."""
    monkeypatch.setattr(estimate, "_at_most", lambda config: 10**15)


def test_the_meta_device_keeps_what_a_real_one_keeps(tiny: ModelConfig) -> None:
    kept, weights = estimate._kept(tiny, CLASSES, (4, 64, 32), recompute=False)
    network = build_network(tiny, CLASSES).train()
    own = {parameter.untyped_storage()._cdata for parameter in network.parameters()}
    storages: dict[int, torch.UntypedStorage] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            storages[storage._cdata] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = network(torch.randn(4, 3, 64, 32))
    assert kept == pytest.approx(sum(storage.nbytes() for storage in storages.values()), rel=0.02)
    assert weights == sum(parameter.numel() for parameter in network.parameters())
    assert output is not None


def test_the_estimate_leaves_the_random_state_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    estimate_step(SMALL, CLASSES)
    assert torch.equal(torch.rand(2), expected)


def test_less_is_kept_in_bf16_in_parts_and_recomputed() -> None:
    config = replace(SMALL, sampling=SamplingConfig(identities=8, pictures=4))  # weights count for little
    whole = estimate_step(config, CLASSES)
    for runtime in ({"precision": "bf16"}, {"accumulate": 2}, {"recompute": True}):
        assert estimate_step(replace(config, runtime=replace(config.runtime, **runtime)), CLASSES) < 0.75 * whole


def test_activations_are_kept_where_they_fit() -> None:
    assert choose(SMALL, memory=100.0) == (False, None)


def test_activations_are_recomputed_where_they_do_not_fit() -> None:
    between = (estimate_step(SMALL, CLASSES) - 1) / 1e9
    recompute, line = choose(SMALL, memory=between)
    assert recompute is True
    assert line is not None
    assert "activations are recomputed: a step would take about" in line
    assert "too much" not in line
    _, line = choose(SMALL, memory=1e-6)
    assert line is not None
    assert line.endswith("--runtime.precision bf16 or --runtime.accumulate 2 halve it")


@pytest.mark.parametrize("explicit", [True, False])
def test_explicit_settings_stay(*, explicit: bool) -> None:
    assert choose(SMALL, recompute=explicit, memory=1e-6) == (explicit, None)


def test_a_compiled_network_is_not_recomputed() -> None:
    assert choose(SMALL, compile=True, memory=1e-6) == (False, None)


def test_free_memory_is_that_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (7, 9))
    assert free_memory(CUDA) == 7
    assert free_memory(MPS) is None
    assert choose(SMALL, MPS) == (False, None)
    monkeypatch.setattr(estimate, "_available", lambda: 5)
    monkeypatch.setattr(estimate, "_left_in_group", lambda: 3)
    assert free_memory(CPU) == 3


@pytest.mark.parametrize(
    ("recipe", "precision", "height", "measured"),
    [
        ("mvd", "fp32", 288, 24.4),
        ("mvd", "bf16", 288, 12.0),
        ("mvd-cvpr21", "bf16", 288, 19.7),
        ("mvd-strong", "bf16", 384, 9.8),
    ],
)
@pytest.mark.slow
def test_the_estimate_is_near_what_was_measured_on_an_h100(
    recipe: str, precision: Any, height: int, measured: float
) -> None:
    """Peaks of BENCHMARKS.md: 32 + 32 pictures, 144 wide, ResNet-50."""
    config = replace(
        RECIPES[recipe],
        data=DataConfig(height=height, width=144),
        sampling=SamplingConfig(identities=8, pictures=4),
        runtime=RuntimeConfig(precision=precision, recompute=False),
    )
    assert measured <= estimate_step(config, 395) / 1e9 <= 1.2 * measured


def test_streams_count_as_pictures() -> None:
    three = replace(SMALL, augment=AugmentConfig(streams=3), sampling=SamplingConfig(identities=4, pictures=2))
    two = replace(SMALL, sampling=SamplingConfig(identities=6, pictures=2))
    assert estimate_step(three, 5) == estimate_step(two, 5)


def test_small_networks_are_bounded_and_not_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    demo, default = RECIPES["demo"], RECIPES["mvd"]
    assert estimate._at_most(demo) < 4e9
    assert estimate._at_most(default) > 25e9


def test_contents_of_files_do_not_fill_a_control_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container that has read a data set, nearly all memory is used, and nearly all of that can be dropped."""
    monkeypatch.setattr(estimate, "_GROUP", tmp_path)
    monkeypatch.setattr(estimate, "_available", lambda: 10**12)
    assert free_memory(CPU) == 10**12
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("950\n")
    (tmp_path / "memory.stat").write_text("anon 100\nfile 850\nshmem 50\ninactive_file 700\nactive_file 100\n")
    assert free_memory(CPU) == 850
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(CPU) == 10**12
