"""Augmentation draws: pure in (seed, step), in range, and as frequent as asked for."""

from __future__ import annotations

import numpy as np

from mvd.config import AugmentConfig
from mvd.data.augment import AGAIN, GREY, KEEP_COLOURS, AugmentDraws, batch_streams, draw_augmentation
from mvd.data.samples import Modality

H, W, B = 40, 20, 4000
MODALITIES = np.repeat([Modality.VISIBLE, Modality.INFRARED], B // 2)


def draw(config: AugmentConfig = AugmentConfig(pad=3), *, seed: int = 0, step: int = 0) -> AugmentDraws:  # noqa: B008
    return draw_augmentation(config, MODALITIES, H, W, seed=seed, step=step)


def test_draws_are_a_function_of_seed_and_step() -> None:
    assert all(np.array_equal(a, b) for a, b in zip(draw(seed=1, step=7), draw(seed=1, step=7), strict=True))
    assert not np.array_equal(draw(seed=1, step=7).erase, draw(seed=1, step=8).erase)
    assert not np.array_equal(draw(seed=1, step=7).erase, draw(seed=2, step=7).erase)


def test_crops_reach_every_offset_of_the_padding() -> None:
    assert set(draw().top) == set(draw().left) == set(range(7))


def test_probabilities_are_kept() -> None:
    draws = draw(AugmentConfig(flip=0.25, exchange=0.75, erase=0.5))
    assert abs(draws.flip.mean() - 0.25) < 0.03
    assert abs((draws.erase[:, 2] > 0).mean() - 0.5) < 0.03
    visible = draws.channel[MODALITIES == Modality.VISIBLE]
    assert abs((visible != KEEP_COLOURS).mean() - 0.75) < 0.03
    assert all(abs((visible == channel).mean() - 0.75 / 4) < 0.03 for channel in range(GREY + 1))


def test_grey_pictures_are_as_frequent_as_asked_for_and_change_no_other_draw() -> None:
    draws, plain = draw(AugmentConfig(exchange=0, grey=0.3)), draw(AugmentConfig(exchange=0))
    visible = draws.channel[MODALITIES == Modality.VISIBLE]
    assert set(visible) == {GREY, KEEP_COLOURS}
    assert abs((visible == GREY).mean() - 0.3) < 0.03
    assert set(draws.channel[MODALITIES == Modality.INFRARED]) == {KEEP_COLOURS}
    assert np.array_equal(draws.erase, plain.erase)


def test_infrared_pictures_have_no_colours_to_exchange() -> None:
    draws = draw(AugmentConfig(exchange=1.0))
    assert set(draws.channel[MODALITIES == Modality.INFRARED]) == {KEEP_COLOURS}


def test_second_views_show_one_channel_or_have_another_brightness_and_first_views_do_not() -> None:
    config = AugmentConfig(exchange=0, streams=4)
    streams = batch_streams(4, half=1000)
    draws = draw_augmentation(config, streams, H, W, seed=0, step=0)
    again = draws.channel[streams == Modality.VISIBLE + AGAIN]
    assert all(abs((again == channel).mean() - 1 / 3) < 0.05 for channel in range(3))
    assert set(draws.channel[streams != Modality.VISIBLE + AGAIN]) == {KEEP_COLOURS}
    brightness = draws.brightness[streams == Modality.INFRARED + AGAIN]
    assert 500 <= brightness.min() < 520
    assert 1480 < brightness.max() <= 1500
    assert set(draws.brightness[streams != Modality.INFRARED + AGAIN]) == {1000}
    # A view of its own: crop, mirror and erased rectangle are drawn anew.
    visible, second = streams == Modality.VISIBLE, streams == Modality.VISIBLE + AGAIN
    assert not np.array_equal(draws.top[visible], draws.top[second])
    assert not np.array_equal(draws.erase[visible], draws.erase[second])


def test_a_second_stream_changes_no_draw_but_its_own() -> None:
    two, three = (
        draw_augmentation(AugmentConfig(streams=streams), MODALITIES, H, W, seed=3, step=4) for streams in (2, 3)
    )
    assert all(np.array_equal(one, other) for one, other in zip(two, three, strict=True))


def test_nothing_is_done_when_nothing_is_asked_for() -> None:
    draws = draw(AugmentConfig(pad=0, flip=0, exchange=0, erase=0))
    assert not draws.top.any()
    assert not draws.flip.any()
    assert not draws.erase[:, 2].any()
    assert set(draws.channel) == {KEEP_COLOURS}


def test_erased_rectangles_lie_inside_and_cover_the_share_asked_for() -> None:
    top, left, height, width = draw(AugmentConfig(erase=1.0, erase_area=(0.1, 0.2))).erase.T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + height <= H).all()
    assert (left + width <= W).all()
    fits = (height < H) & (width < W)
    area = (height * width / (H * W))[fits]
    assert area.min() > 0.07
    assert area.max() < 0.24
