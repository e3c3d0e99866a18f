"""Training: the loop, its step, and the parts of both."""

from mvd.training.device_augment import DeviceAugment

__all__ = ["DeviceAugment"]
