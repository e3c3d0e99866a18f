"""Logger of a run in PyTorch: values stay on the device until a line is written."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mvd.config import RunConfig
from mvd.runs import RunFolder
from mvd.runs.observer import Observer
from mvd.runtime.memory import peak_memory
from mvd.training.logging import StepLogger


class DeviceLogger(StepLogger[dict[str, Tensor]]):
    """Collects scalars on a device."""

    def __init__(self, run: RunFolder, observer: Observer, config: RunConfig, steps: int, device: torch.device) -> None:
        super().__init__(run, observer, config, steps)
        self.device = device

    def to_host(self, values: list[dict[str, Tensor]]) -> tuple[list[str], npt.NDArray[np.float64]]:
        table = torch.stack([torch.stack(list(one.values())) for one in values])
        return list(values[0]), table.double().cpu().numpy()

    def memory(self) -> dict[str, int]:
        return peak_memory(self.device)
