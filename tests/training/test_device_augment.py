"""Batched augmentation against a picture-by-picture transcription of what each draw means."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from mvd.config import AugmentConfig
from mvd.data.augment import GREY, KEEP_COLOURS, AugmentDraws, batch_streams, draw_augmentation
from mvd.data.images import MEAN, STD
from mvd.data.samples import Modality
from mvd.errors import ConfigError
from mvd.training import device_augment
from mvd.training.device_augment import DeviceAugment, augment, normalise, pack

CPU = torch.device("cpu")
PAD = 3
RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (12, 10, 7, 3), dtype=np.uint8)
MODALITIES = np.repeat([Modality.VISIBLE, Modality.INFRARED], 6)


def slowly(
    picture: npt.NDArray[np.uint8], draws: AugmentDraws, row: int, erased: tuple[float, float, float] = (0, 0, 0)
) -> npt.NDArray[np.float64]:
    height, width, _ = picture.shape
    padded = np.zeros((height + 2 * PAD, width + 2 * PAD, 3))
    padded[PAD : PAD + height, PAD : PAD + width] = picture
    top, left = draws.top[row], draws.left[row]
    image: npt.NDArray[np.float64] = padded[top : top + height, left : left + width]
    if draws.flip[row]:
        image = image[:, ::-1]
    if draws.channel[row] == GREY:
        image = np.repeat((image @ [0.2989, 0.5870, 0.1140])[..., None], 3, axis=2)
    elif draws.channel[row] != KEEP_COLOURS:
        image = np.repeat(image[..., draws.channel[row], None], 3, axis=2)
    image = np.clip(image * (draws.brightness[row] / 1000), None, 255)
    image = (image / 255 - MEAN) / STD
    top, left, tall, wide = draws.erase[row]
    image[top : top + tall, left : left + wide] = erased
    moved: npt.NDArray[np.float64] = image.transpose(2, 0, 1)
    return moved


def test_each_picture_gets_what_was_drawn_for_it() -> None:
    config = AugmentConfig(pad=PAD, exchange=0.9)
    for step in range(5):
        draws = draw_augmentation(config, MODALITIES, 10, 7, seed=0, step=step)
        batch = augment(torch.from_numpy(PICTURES), pack(draws), config, torch.channels_last)
        expected = np.stack([slowly(picture, draws, row) for row, picture in enumerate(PICTURES)])
        np.testing.assert_allclose(batch.numpy(), expected, atol=2e-6)


@pytest.mark.parametrize("streams", [3, 4])
def test_second_views_are_exchanged_or_brightened_and_erased_with_the_value_asked_for(streams: int) -> None:
    value = (0.4914, 0.4822, 0.4465)
    config = AugmentConfig(pad=PAD, exchange=0, erase=1, erase_value=value, streams=streams)  # type: ignore[arg-type]
    rows = batch_streams(streams, half=12 // streams)
    for step in range(3):
        draws = draw_augmentation(config, rows, 10, 7, seed=0, step=step)
        batch = augment(torch.from_numpy(PICTURES), pack(draws), config, torch.contiguous_format)
        expected = np.stack([slowly(picture, draws, row, value) for row, picture in enumerate(PICTURES)])
        np.testing.assert_allclose(batch.numpy(), expected, atol=2e-6)


def test_without_augmentation_a_training_picture_is_a_test_picture() -> None:
    config = AugmentConfig(pad=0, flip=0, exchange=0, erase=0)
    draws = draw_augmentation(config, MODALITIES, 10, 7, seed=0, step=0)
    augmented = augment(torch.from_numpy(PICTURES), pack(draws), config, torch.contiguous_format)
    plain = normalise(torch.from_numpy(PICTURES), CPU, torch.contiguous_format)
    assert torch.equal(augmented, plain)
    expected = (PICTURES / 255 - MEAN) / STD
    np.testing.assert_allclose(plain.numpy(), expected.transpose(0, 3, 1, 2), atol=2e-6)


def test_the_layout_asked_for_is_made() -> None:
    pictures = torch.from_numpy(PICTURES)
    assert normalise(pictures, CPU, torch.channels_last).is_contiguous(memory_format=torch.channels_last)
    assert normalise(pictures, CPU, torch.contiguous_format).is_contiguous()


def test_the_module_draws_from_seed_and_step() -> None:
    config = AugmentConfig(pad=PAD, exchange=0.9)
    module = DeviceAugment(config, seed=4, memory_format=torch.channels_last)
    images = module(torch.from_numpy(PICTURES), torch.from_numpy(MODALITIES), step=9)
    draws = draw_augmentation(config, MODALITIES, 10, 7, seed=4, step=9)
    assert torch.equal(images, augment(torch.from_numpy(PICTURES), pack(draws), config, torch.channels_last))
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert not torch.equal(images, module(torch.from_numpy(PICTURES), torch.from_numpy(MODALITIES), step=10))
    assert not list(module.state_dict())


def test_in_eval_mode_the_module_only_normalises() -> None:
    images = DeviceAugment().eval()(torch.from_numpy(PICTURES))
    assert torch.equal(images, normalise(torch.from_numpy(PICTURES), CPU, torch.contiguous_format))


def test_what_the_module_cannot_augment_is_refused() -> None:
    module, pictures = DeviceAugment(), torch.from_numpy(PICTURES)
    with pytest.raises(ConfigError, match="expected modalities and a step"):
        module(pictures)
    with pytest.raises(ConfigError, match=r"found torch\.float32"):
        module(pictures.float(), torch.from_numpy(MODALITIES), step=0)
    with pytest.raises(ConfigError, match=r"expected 12 modalities on the CPU, found .* on meta"):
        module(pictures, torch.zeros(12, device="meta"), step=0)


def test_a_program_that_is_exported_first_leaves_nothing_behind() -> None:
    """Tensors of a traced program hold no values; one was kept as a constant for everything after it."""
    device_augment._kept.cache_clear()
    augment = DeviceAugment().eval()
    pictures = torch.zeros(2, 8, 4, 3, dtype=torch.uint8)
    program = torch.export.export(augment, (pictures,))
    black = augment(pictures)
    assert type(black) is torch.Tensor
    assert black.amax().item() == pytest.approx(-0.406 / 0.225)
    assert torch.equal(program.module()(pictures), black)
