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
    """framework to compute in; auto: the run's, or else the one that is installed"""
    device: str = "auto"
    """device to compute on: cpu, cuda, cuda:1, mps, npu, …; auto: the run's, or else the first that is there"""
    precision: Literal["auto", "fp32", "tf32", "bf16"] = "auto"
    """arithmetic; auto: the run's, or else what suits the device"""
    workers: int = 0
    """threads that decode pictures; 0: as many as the run had"""
    batch: int = 0
    """pictures in a batch when they are embedded; 0: as many as the run had"""

    def __post_init__(self) -> None:
        check_types(self, "")
        require(self.workers >= 0, "workers", "0 or more", self.workers)
        require(self.batch >= 0, "batch", "0 or more", self.batch)


@dataclass(frozen=True, kw_only=True)
class RuntimeConfig:
    """On what and how a run is computed; changes speed and rounding, not the method.

    Attributes:
        device: "cpu"; "cuda", "cuda:1"; "mps"; "npu", "npu:1" (Ascend, with torch_npu); or any other device of PyTorch.
            "auto" takes the first that is there: CUDA, Ascend, Apple's MPS, the CPU.
        precision: "fp32" is float32 throughout; "tf32" lets a CUDA device multiply and convolve with TF32's 10 bits of
            mantissa; "bf16" is autocast to bfloat16. Parameters are float32 in all of them. "auto" is "bf16" on Ascend
            and on CUDA from Ampere on, "fp32" elsewhere.
        deterministic: use only algorithms whose result is the same each time, and end with an error where there is
            none. On the CPU, runs repeat bit by bit without it.
        channels_last: keep activations channels-last, which convolutions prefer.
        compile: compile the encoders for training (`torch.compile`): a minute at the start, faster steps after. "auto"
            does where that pays: on CUDA, in runs of 5,000 steps and more.
        cuda_graphs: record the kernels of a step once and launch them together from then on. "auto" does where a step
            can be recorded: on CUDA, in one process, with the whole batch at once.
        recompute: activation checkpointing of the encoders: much less memory, a third more computation, the same
            result. "auto" uses it if a step would not fit into memory otherwise.
        memory: GB that a step may take, for recompute "auto"; 0 is what is available on the device when a run starts.
        accumulate: parts in which a batch passes through the network, to save memory; divides the identities of a
            batch, or of a process's share of it. Losses see the whole batch; batch norm sees a part at a time, and each
            picture takes two forward passes.
        log_every: steps between log lines.
        validate_every: epochs between validations; a checkpoint is written at each, and after the last epoch.
        checkpoint_minutes: minutes after which a checkpoint is written in between, so that no more than their work is
            lost if the run is killed; 0 writes one after every step.
        embed_batch: pictures in a batch when descriptors are computed; 0 means 64 on a CPU and 256 elsewhere.
        threads: threads of a CPU that trains; 0 follows the cores that other programs leave free, on Linux and without
            OMP_NUM_THREADS. A fixed number is needed for runs that repeat bit for bit beside other programs.
        workers: threads that decode pictures; 0 means one for each core.
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
