"""The training log in MindSpore: values stay on the device until a line is written."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from mindspore import Tensor

from mvd.config import RunConfig
from mvd.runs import RunFolder
from mvd.runs.observer import Observer
from mvd.training.logging import StepLogger


class DeviceLogger(StepLogger[Tensor]):
    """Collect the values of each step, a tensor (names,)."""

    def __init__(
        self, run: RunFolder, observer: Observer, config: RunConfig, steps: int, names: tuple[str, ...]
    ) -> None:
        super().__init__(run, observer, config, steps)
        self.names = names

    def to_host(self, values: list[Tensor]) -> tuple[list[str], npt.NDArray[np.float64]]:
        return list(self.names), np.stack([one.asnumpy() for one in values]).astype(np.float64)
