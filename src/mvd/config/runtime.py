"""Device, precision and other settings of how a run is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from mvd.config.checks import require, require_at_most
from mvd.config.types import check_types

Switch: TypeAlias = bool | Literal["auto"]
"""On, off, or automatic, which is the faster choice on the device."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Settings of the machine on which an existing run is used; the run's own settings are only preferences."""

    framework: Literal["auto", "pytorch", "mindspore"] = "auto"
    """framework; auto: the run's, or else the installed one"""
    device: str = "auto"
    """device: cpu, cuda, cuda:1, mps, npu, …; auto: the run's, or else the first available"""
    precision: Literal["auto", "fp32", "tf32", "bf16"] = "auto"
    """precision; auto: the run's, or else that of the device"""
    workers: int = 0
    """workers that decode pictures; 0: the run's number"""
    batch: int = 0
    """batch size for embedding; 0: the run's"""

    def __post_init__(self) -> None:
        check_types(self, "")
        require(self.workers >= 0, "workers", "0 or more", self.workers)
        require(self.batch >= 0, "batch", "0 or more", self.batch)


@dataclass(frozen=True, kw_only=True)
class RuntimeConfig:
    """The device and how a run computes on it; changes speed and rounding, not the method.

    Attributes:
        device: "cpu"; "cuda", "cuda:1"; "mps"; "npu", "npu:1" (Ascend, with torch_npu); or any other device of PyTorch.
            "auto" is the first available of CUDA, Ascend, Apple's MPS and the CPU.
        precision: "fp32" is float32 throughout; "tf32" allows TF32 (10 bits of mantissa) in products and convolutions
            on CUDA; "bf16" is autocast to bfloat16. Parameters are always float32. "auto" is "bf16" on Ascend and on
            CUDA from Ampere on, "fp32" elsewhere.
        deterministic: use deterministic algorithms only, and fail at an operation without one. Runs on a CPU repeat bit
            for bit without it if the number of threads is fixed.
        channels_last: memory format channels-last, in which convolutions are faster.
        compile: compile the encoders for training (`torch.compile`): a minute at the start, faster steps afterwards.
            "auto" compiles on CUDA in runs of 5,000 steps and more.
        cuda_graphs: record the kernels of a step once and launch them together from then on. "auto" does so on CUDA
            where a step can be recorded (docs/watching.md).
        recompute: activation checkpointing of the encoders: much less memory, a third more computation, the same
            result. "auto" uses it if a step would not fit into memory otherwise.
        memory: GB available to a step, for recompute "auto"; 0 measures what is free on the device at the start.
        accumulate: parts in which a batch passes through the network, to save memory; must divide the identities of a
            batch, or of a process's share of it. Losses see the whole batch; batch norm sees one part at a time, and
            each picture takes two forward passes.
        log_every: steps between log lines.
        validate_every: epochs between validations; a checkpoint is written at each, and after the last epoch.
        checkpoint_minutes: minutes between further checkpoints, the most work that is lost if the run is killed; 0
            writes one after every step.
        embed_batch: batch size for embedding; 0 means 64 on a CPU and 256 elsewhere.
        threads: CPU threads of training; 0 follows the cores that other programs leave free, on Linux and if
            OMP_NUM_THREADS is not set. Runs repeat bit for bit only with a fixed number.
        workers: workers that decode pictures; 0 means one per core.
    """

    device: str = "auto"
    precision: Literal["auto", "fp32", "tf32", "bf16"] = "auto"
    deterministic: bool = False
    channels_last: bool = True
    compile: Switch = "auto"
    cuda_graphs: Switch = "auto"
    recompute: Switch = "auto"
    memory: float = 0.0
    accumulate: int = 1
    log_every: int = 10
    validate_every: int = 5
    checkpoint_minutes: float = 10.0
    embed_batch: int = 0
    threads: int = 0
    workers: int = 0

    def __post_init__(self) -> None:
        check_types(self, "runtime.")
        for name in ("accumulate", "log_every", "validate_every"):
            value = getattr(self, name)
            require(value >= 1, f"runtime.{name}", "at least 1", value)
        require(self.checkpoint_minutes >= 0, "runtime.checkpoint_minutes", "0 or more", self.checkpoint_minutes)
        require(self.embed_batch >= 0, "runtime.embed_batch", "0 or more", self.embed_batch)
        require(self.memory >= 0, "runtime.memory", "0 or more", self.memory)
        require(self.threads >= 0, "runtime.threads", "0 or more", self.threads)
        require(self.workers >= 0, "runtime.workers", "0 or more", self.workers)
        require_at_most(1024, runtime__workers=self.workers)
