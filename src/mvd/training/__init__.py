"""Training: the loop, the training step, and their parts.

`logging`, `checkpoint` and `pace` do not depend on a framework; the MindSpore engine uses them too. So this package
itself imports no framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mvd.training.device_augment import DeviceAugment

__all__ = ["DeviceAugment"]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name != "DeviceAugment":
            raise AttributeError(f"module 'mvd.training' has no attribute {name!r}")
        from mvd.training.device_augment import DeviceAugment

        return DeviceAugment
