"""What a caller has changed in PyTorch changes nothing of what mvd computes, and stays as the caller has set it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import CONFIG, fit, new_run, training_data

from mvd.inference.embedder import Embedder
from mvd.models.factory import create_model
from mvd.runs import RunFolder, load_checkpoint
from mvd.runtime.defaults import torch_defaults
from mvd.training.device_augment import DeviceAugment, _kept


@contextmanager
def doubles() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


CALLERS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "doubles": doubles,
    "no grad": lambda: torch.set_grad_enabled(False),
    "inference": lambda: torch.inference_mode(mode=True),
    "device": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
}


def of_caller() -> tuple[object, ...]:
    grad = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    return torch.get_default_dtype(), torch.empty(0).device.type, torch.is_autocast_enabled("cpu"), *grad


@pytest.mark.parametrize("caller", CALLERS)
def test_settings_are_the_defaults_within_and_the_callers_afterwards(caller: str) -> None:
    usual = of_caller()
    with CALLERS[caller]():
        before = of_caller()
        assert before != usual
        with torch_defaults():
            assert of_caller() == usual
        assert of_caller() == before
        with pytest.raises(ValueError, match="ours"), torch_defaults():
            raise ValueError("ours")
        assert of_caller() == before


@pytest.mark.parametrize("caller", CALLERS)
def test_a_run_and_its_embeddings_are_those_of_a_fresh_process(caller: str, tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, CONFIG.data.height, CONFIG.data.width, 3), dtype=np.uint8)
    _kept.cache_clear()  # of constants, as in a fresh process
    with CALLERS[caller]():
        changed = train(tmp_path / "changed")
        embedder = Embedder.from_pretrained(changed.path, device="cpu")
        found = embedder(pictures)
    usual = train(tmp_path / "usual")
    weights, expected = (load_checkpoint(run.own_checkpoint("last"))[0] for run in (changed, usual))
    assert {name: value.dtype for name, value in weights.items()} == {n: v.dtype for n, v in expected.items()}
    assert all(np.array_equal(weights[name], expected[name]) for name in expected)
    np.testing.assert_array_equal(found, Embedder.from_pretrained(usual.path, device="cpu")(pictures))


def train(folder: Path) -> RunFolder:
    run = new_run(folder)
    fit(training_data(), run, stop_after=2)
    return run


def test_what_is_the_callers_follows_the_caller() -> None:
    with doubles():
        assert next(create_model("mvd", classes=3, arch="resnet18", base_width=4).parameters()).dtype == torch.float64


def test_pictures_are_float32_whatever_the_default_type_was_first() -> None:
    _kept.cache_clear()
    pictures = torch.zeros(2, 32, 16, 3, dtype=torch.uint8)
    with doubles():
        assert DeviceAugment()(pictures, torch.tensor([0, 1]), step=0).dtype == torch.float32
    assert DeviceAugment()(pictures, torch.tensor([0, 1]), step=0).dtype == torch.float32


def test_the_default_type_comes_back_when_threads_end_in_another_order() -> None:
    with doubles():
        first, second = torch_defaults(), torch_defaults()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert torch.get_default_dtype() == torch.float32
        second.__exit__(None, None, None)
        assert torch.get_default_dtype() == torch.float64
