"""Devices by name: each that is there, and one line for each that is not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from mvd.commands.engine import load_engine
from mvd.config import RunConfig, RuntimeConfig
from mvd.errors import ConfigError
from mvd.runtime.device import resolve_device

Fake = Callable[[str], None]


@pytest.fixture(autouse=True)
def torch_npu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    """A machine without that package, unless it is installed as one that consists of a line."""

    def install(line: str) -> None:
        (tmp_path / "torch_npu.py").write_text(line + "\n")
        monkeypatch.syspath_prepend(tmp_path)
        sys.modules.pop("torch_npu", None)

    sys.modules.pop("torch_npu", None)
    yield install
    sys.modules.pop("torch_npu", None)


def test_auto_is_the_first_that_is_there() -> None:
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert resolve_device("auto").type == expected


def test_a_name_is_the_device_that_is_meant() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("cpu:0") == torch.device("cpu:0")


@pytest.mark.parametrize("name", ["cuda:99", "mps:7", "xpu:9", "toaster", "", "cuda:x"])
def test_a_device_that_is_not_there_is_one_line(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^runtime\.device: .*found '{name}' \(.*\); .* --runtime\.device cpu$"):
        resolve_device(name)


@pytest.mark.parametrize("name", ["npu", "npu:1"])
def test_ascend_without_its_package_says_what_to_install(name: str) -> None:
    with pytest.raises(ConfigError, match=r"expected the package torch_npu .* pip install torch_npu==\d"):
        resolve_device(name)


@pytest.mark.parametrize("name", ["npu:0", "auto"])
def test_ascend_without_cann_says_what_to_install(torch_npu: Fake, name: str) -> None:
    if name == "auto" and torch.cuda.is_available():
        pytest.skip("CUDA comes first")
    torch_npu("raise ImportError('libhccl.so: cannot open shared object file\\nmore')")
    with pytest.raises(ConfigError, match=r"libhccl\.so: cannot open shared object file\); install CANN"):
        resolve_device(name)


def test_a_package_that_brings_no_processor_is_one_line(torch_npu: Fake) -> None:
    torch_npu("")
    with pytest.raises(ConfigError, match=r"expected a device of this machine, found 'npu:0'"):
        resolve_device("npu:0")


def test_a_broken_extension_does_not_keep_the_processor_from_computing(tmp_path: Path) -> None:
    """What torch_npu does to `import torch` where Huawei's stack is missing."""
    (tmp_path / "torch_broken.py").write_text("def load(): raise ImportError('libhccl.so')\n")
    facts = tmp_path / "torch_broken-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: torch_broken\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[torch.backends]\ntorch_broken = torch_broken:load\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from mvd.commands.engine import load_engine\n"
        "from mvd.config import RunConfig, RuntimeConfig\n"
        "config = RunConfig(runtime=RuntimeConfig(device='cpu'))\n"
        "print(load_engine(config).check(config))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "cpu\n"), done.stderr


def test_tf32_is_refused_where_there_is_none() -> None:
    config = RunConfig(runtime=RuntimeConfig(device="cpu", precision="tf32"))
    with pytest.raises(ConfigError, match=r"runtime\.precision: expected fp32 or bf16 on cpu, found tf32"):
        load_engine(config).check(config)
