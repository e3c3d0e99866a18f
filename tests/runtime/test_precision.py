"""PyTorch's global settings: as a run asks while it computes, and as they were before it afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import pytest
import torch

from mvd.config import RuntimeConfig
from mvd.errors import ConfigError
from mvd.runtime.precision import numerics

CPU = torch.device("cpu")


def settings() -> dict[str, Any]:
    return {
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "matmul tf32": torch.backends.cuda.matmul.allow_tf32,
        "cudnn tf32": torch.backends.cudnn.allow_tf32,
        "cudnn deterministic": torch.backends.cudnn.deterministic,
        "cudnn benchmark": torch.backends.cudnn.benchmark,
    }


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")  # so that it is put back
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    before = settings()
    yield
    assert settings() == before


def test_float32_is_float32() -> None:
    with numerics(RuntimeConfig(), CPU):
        assert not settings()["matmul tf32"]
        assert not settings()["cudnn tf32"]
        assert not settings()["deterministic"]


def test_tf32_is_asked_for_by_name() -> None:
    with numerics(RuntimeConfig(precision="tf32"), CPU):
        assert settings()["matmul tf32"]
        assert settings()["cudnn tf32"]


def test_products_on_a_processor_are_float32_whatever_the_caller_allows() -> None:
    torch.set_float32_matmul_precision("medium")  # in bfloat16, on some
    try:
        with numerics(RuntimeConfig(), CPU):
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")


@pytest.mark.skipif(not hasattr(torch.backends, "fp32_precision"), reason="new in PyTorch 2.9")
@pytest.mark.parametrize(("precision", "inside"), [("fp32", "ieee"), ("tf32", "tf32")])
def test_a_caller_may_use_pytorchs_newer_names(precision: Literal["fp32", "tf32"], inside: str) -> None:
    backends: Any = torch.backends
    parts = [backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn]
    usual = [part.fp32_precision for part in parts]
    other = ["ieee" if inside == "tf32" else "tf32"] * 3
    try:
        for part, value in zip(parts, other, strict=True):
            part.fp32_precision = value
        with pytest.raises(RuntimeError, match="mix of the legacy and new"):
            settings()
        with numerics(RuntimeConfig(precision=precision), CPU):
            assert [part.fp32_precision for part in parts] == [inside] * 3
        assert [part.fp32_precision for part in parts] == other
    finally:
        for part, value in zip(parts, usual, strict=True):
            part.fp32_precision = value


def test_deterministic_means_no_other_algorithm() -> None:
    torch.backends.cudnn.benchmark = True
    with numerics(RuntimeConfig(deterministic=True), CPU):
        assert settings()["deterministic"]
        assert not settings()["warn only"]
        assert settings()["cudnn deterministic"]
        assert not settings()["cudnn benchmark"]
        # PyTorch fills fresh memory then, so that forgotten values cannot be told from chance.
        assert torch.empty(3).isnan().all()
    assert torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = False


def test_an_operation_that_does_not_repeat_is_one_line() -> None:
    places, values = torch.zeros((1, 1, 1, 1), dtype=torch.long), torch.zeros((1, 1, 1, 1))
    with (
        pytest.raises(
            ConfigError,
            match=r"^runtime\.deterministic: .* on cpu, found an operation that has none \(.*\); drop --runtime",
        ),
        numerics(RuntimeConfig(deterministic=True), CPU),
    ):
        torch.nn.functional.max_unpool2d(values, places, [2, 2])


def test_settings_come_back_after_an_error() -> None:
    with pytest.raises(RuntimeError), numerics(RuntimeConfig(deterministic=True), CPU):
        raise RuntimeError


def test_the_caller_s_random_state_is_left_as_it_was() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    with numerics(RuntimeConfig(), CPU):
        torch.manual_seed(1)
    assert torch.equal(torch.rand(3), expected)


def test_settings_come_back_when_threads_end_in_another_order() -> None:
    before = settings()
    first, second = numerics(RuntimeConfig(), CPU), numerics(RuntimeConfig(precision="tf32"), CPU)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert settings()["matmul tf32"]
    second.__exit__(None, None, None)
    assert settings() == before
