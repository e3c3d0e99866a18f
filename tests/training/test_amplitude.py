"""The swap of low-frequency amplitudes against a whole Fourier transform, frequency by frequency."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from mvd.config import AugmentConfig
from mvd.data.augment import batch_streams, draw_augmentation
from mvd.errors import ConfigError
from mvd.training.amplitude import swap_amplitudes
from mvd.training.device_augment import DeviceAugment, augment, pack


def slowly(picture: npt.NDArray[np.float64], partner: npt.NDArray[np.float64], highest: int) -> npt.NDArray[np.float64]:
    height, width, _ = picture.shape
    result = np.empty_like(picture)
    for channel in range(3):
        own, other = np.fft.fft2(picture[..., channel]), np.fft.fft2(partner[..., channel])
        for row in range(height):
            for column in range(width):
                if min(row, height - row) <= highest and min(column, width - column) <= highest:
                    own[row, column] = np.abs(other[row, column]) * np.exp(1j * np.angle(own[row, column]))
        result[..., channel] = np.fft.ifft2(own).real.clip(0, 255)
    return result


@pytest.mark.parametrize("size", [(12, 8), (11, 7)])
@pytest.mark.parametrize("streams", [2, 3, 4])
def test_low_amplitudes_are_those_of_the_partner_and_phases_ones_own(size: tuple[int, int], streams: int) -> None:
    images = np.random.default_rng(0).uniform(0, 255, (2 * streams, *size, 3))
    swap = torch.tensor(([True, False] * streams)[: 2 * streams])
    found = swap_amplitudes(torch.from_numpy(images), swap, streams, reach=0.3).numpy()
    for row in range(2 * streams):
        stream, place = divmod(row, 2)
        partner = (1 - stream % 2) * 2 + place
        expected = slowly(images[row], images[partner], int(0.3 * min(size))) if swap[row] else images[row]
        np.testing.assert_allclose(found[row], expected, atol=1e-6)
    assert np.abs(found[0] - images[0]).max() > 1


def test_a_picture_that_is_its_own_partner_stays_and_one_that_does_not_swap_keeps_its_bits() -> None:
    images = torch.rand(4, 12, 8, 3, generator=torch.Generator().manual_seed(0)) * 255
    twice = torch.cat([images[:2], images[:2]])
    torch.testing.assert_close(swap_amplitudes(twice, torch.ones(4), 2, reach=0.5), twice, atol=1e-3, rtol=0)
    assert torch.equal(swap_amplitudes(images, torch.zeros(4), 2, reach=0.5), images)


def test_it_is_drawn_as_often_as_asked_for_and_changes_no_other_draw() -> None:
    streams = batch_streams(2, half=1000)
    plain = draw_augmentation(AugmentConfig(), streams, 12, 8, seed=0, step=3)
    draws = draw_augmentation(AugmentConfig(amplitude=0.25), streams, 12, 8, seed=0, step=3)
    assert abs(draws.swap.mean() - 0.25) < 0.03
    assert not plain.swap.any()
    assert all(np.array_equal(one, other) for one, other in zip(plain[:-1], draws[:-1], strict=True))


def test_the_device_augmentation_swaps_cropped_pictures_before_it_exchanges_channels() -> None:
    config = AugmentConfig(pad=2, flip=0.5, exchange=0, erase=0, amplitude=1.0, amplitude_reach=0.2)
    pictures = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (6, 12, 8, 3), dtype=np.uint8))
    streams = batch_streams(2, half=3)
    packed = pack(draw_augmentation(config, streams, 12, 8, seed=0, step=0))
    plain = augment(pictures, packed, AugmentConfig(pad=2), torch.contiguous_format)
    found = augment(pictures, packed, config, torch.contiguous_format)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    cropped = ((plain * std + mean) * 255).permute(0, 2, 3, 1)
    swapped = swap_amplitudes(cropped, torch.ones(6), 2, reach=0.2)
    np.testing.assert_allclose(found, ((swapped / 255).permute(0, 3, 1, 2) - mean) / std, atol=1e-4)


def test_pictures_in_another_order_are_refused() -> None:
    module = DeviceAugment(AugmentConfig(amplitude=0.5))
    pictures = torch.zeros(4, 12, 8, 3, dtype=torch.uint8)
    assert module(pictures, torch.tensor([0, 0, 1, 1]), step=0).shape == (4, 3, 12, 8)
    for order in ([0, 1, 0, 1], [0, 0, 1]):
        with pytest.raises(ConfigError, match=r"augment\.amplitude: expected 2 streams of rows"):
            module(pictures[: len(order)], torch.tensor(order), step=0)
