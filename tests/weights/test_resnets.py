"""ResNets are recognised by their tensors."""

from __future__ import annotations

import numpy as np
import pytest
from weights.helpers import resnet_shapes

from mvd.weights.names import find_resnet

ARCHITECTURES = ("resnet18", "resnet34", "resnet50", "resnet101")


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_architectures_are_found_by_their_tensors(arch: str) -> None:
    shapes = resnet_shapes(arch, 16)
    assert find_resnet(shapes | {"fc.weight": (10, 16)}) == arch
    assert find_resnet({name: shape for name, shape in shapes.items() if "layer4" not in name}) is None
    assert find_resnet({}) is None
    assert find_resnet(shapes | {"conv1.weight": ()}) is None


def test_networks_that_are_wider_are_not_taken_for_it() -> None:
    """As torchvision's wide_resnet50_2 and resnext50_32x4d are."""
    shapes = resnet_shapes("resnet50", 16)
    wide = {name: tuple(2 * np.array(shape[:1])) + shape[1:] for name, shape in shapes.items() if "conv1" in name}
    assert find_resnet(shapes | wide | {"conv1.weight": shapes["conv1.weight"]}) is None
