"""Device targets: what each is in PyTorch, and one line for each that cannot be had here."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest
import torch

from mvd.config import RuntimeConfig
from mvd.errors import ConfigError
from mvd.original import settings
from mvd.original.arguments import DeviceTarget, parse_training
from mvd.original.devices import (
    choose_device,
    compile_if_possible,
    launch_on_devices,
    require_device,
    require_devices,
)


@pytest.fixture(autouse=True)
def without_ascend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be no torch_npu."""
    monkeypatch.setitem(sys.modules, "torch_npu", None)


@pytest.mark.parametrize(
    ("target", "expected"), [("CPU", "cpu"), ("GPU", "cuda:3"), ("Ascend", "npu:5"), ("Cloud", "npu:5")]
)
def test_a_target_is_a_device_of_pytorch(monkeypatch: pytest.MonkeyPatch, target: DeviceTarget, expected: str) -> None:
    monkeypatch.setattr("mvd.original.devices.find_spec", lambda name: object())
    assert choose_device(parse_training(["--gpu", "3", "--device_id", "5"]), target) == expected


def test_the_cloud_without_ascend_is_what_is_there() -> None:
    assert choose_device(parse_training([]), "Cloud") == "auto"


def test_ascend_without_its_package_is_one_line_in_the_words_of_the_release() -> None:
    with pytest.raises(ConfigError) as refusal:
        require_device(replace(settings.RELEASE, runtime=RuntimeConfig(device="npu:0")))
    message = settings.in_original_words(str(refusal.value))
    assert message.startswith("--device_target: expected the package torch_npu for an Ascend processor, found none; ")
    assert message.endswith("to use the CPU: --device_target CPU")


@pytest.mark.parametrize(
    ("several", "count", "shown"),
    [
        ("--device_num 2", 2, {}),
        ("--gpu 0,3", 2, {"CUDA_VISIBLE_DEVICES": "0,3"}),
        ("--run_distribute --device_num 8", 8, {}),
    ],
)
def test_several_devices_are_as_many_processes(
    several: str, count: int, shown: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    launched = []

    def launch(*given: object) -> int:
        launched.append(given)
        return 0

    monkeypatch.setattr("mvd.original.devices.launch", launch)
    arguments = parse_training(several.split())
    assert choose_device(arguments, "GPU") == "cuda"
    assert choose_device(arguments, "Ascend") == "npu"
    assert launch_on_devices(arguments, "a.module", ["--x"]) == 0
    assert launched == [(count, ["-m", "a.module", "--x"], shown)]


@pytest.mark.parametrize(
    ("several", "changed", "message"),
    [
        ("--device_num 3", {}, "sampling.identities: expected a multiple of 3, for 3 processes with"),
        ("--device_num 2", {"framework": "mindspore"}, "--framework: expected pytorch, which alone shares a run"),
        ("--device_num 2", {"runtime": RuntimeConfig(device="cuda")}, "expected 2 devices of the kind cuda .* found 1"),
        ("--gpu 1,3", {"runtime": RuntimeConfig(device="cuda")}, "expected 4 devices of the kind cuda .* found 1"),
    ],
)
def test_what_several_devices_cannot_do_is_said_before_they_are_started(
    several: str, changed: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mvd.runtime.device.resolve_device", torch.device)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    config = replace(settings.RELEASE, **{"runtime": RuntimeConfig(device="cpu"), **changed})
    with pytest.raises(ConfigError, match=message):
        require_devices(parse_training(several.split()), config)
    on_cpus = replace(settings.RELEASE, runtime=RuntimeConfig(device="cpu"))
    require_devices(parse_training(["--device_num", "2"]), on_cpus)


def test_a_gpu_that_is_not_there_is_one_line_that_names_the_processor() -> None:
    config = replace(settings.RELEASE, runtime=RuntimeConfig(device="cuda:99"))
    with pytest.raises(ConfigError, match=r"found 'cuda:99' .*; to use the CPU: --runtime.device cpu"):
        require_device(config)


def test_what_the_device_is_not_to_blame_for_is_said_as_it_is() -> None:
    losses = replace(settings.RELEASE.losses, identity_weight=0.0, metric_weight=0.0)
    with pytest.raises(ConfigError, match="at least one weight above 0"):
        require_device(replace(settings.RELEASE, losses=losses, runtime=RuntimeConfig(device="cpu")))


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)


@pytest.mark.usefixtures("no_compiler")
def test_without_a_compiler_the_network_is_not_compiled_and_that_is_said() -> None:
    config = replace(settings.RELEASE, runtime=RuntimeConfig(device="cpu", compile=True))
    assert require_device(config) == "cpu"
    eager, (note,) = compile_if_possible(config)
    assert eager == replace(config, runtime=RuntimeConfig(device="cpu", compile=False))
    assert note.startswith("--MSmode GRAPH_MODE: the network is not compiled, for that takes a C++ compiler")
    assert compile_if_possible(eager) == (eager, [])
