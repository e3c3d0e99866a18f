"""Contact sheets: a column for each camera of the rig, the modalities side by side."""

from __future__ import annotations

import numpy as np
import pytest

from mvd.errors import ConfigError
from mvd.synthetic import LLCM_RIG, REGDB_RIG, Rig, SyntheticConfig, contact_sheet, even_plan

CONFIG = SyntheticConfig()
MARGIN, BETWEEN, HEAD, GAP = 38, 14, 18, 3


def _config(rig: Rig) -> SyntheticConfig:
    return SyntheticConfig(plan=even_plan(train=1, validation=0, test=1, pictures=1, rig=rig))


def test_both_modalities_are_side_by_side() -> None:
    sheet = np.asarray(contact_sheet(CONFIG, [1, 2], pictures=2, height=64)).astype(int)
    assert sheet.shape[0] == HEAD + 2 * (64 + GAP)
    colour = np.abs(sheet[:, :, 0] - sheet[:, :, 2]).max(axis=0)
    infrared_from = MARGIN + 8 * (29 + GAP) + BETWEEN
    assert colour[:infrared_from].max() > 50
    assert colour[infrared_from:].max() == 0


@pytest.mark.parametrize(("rig", "visible", "infrared"), [(REGDB_RIG, 1, 1), (LLCM_RIG, 9, 8)], ids=["regdb", "llcm"])
def test_every_camera_of_a_rig_has_a_column_with_a_title(rig: Rig, visible: int, infrared: int) -> None:
    sheet = np.asarray(contact_sheet(_config(rig), [1], height=160)).astype(int)
    step = 72 + GAP
    assert sheet.shape == (HEAD + 160 + GAP, MARGIN + (visible + infrared) * step + BETWEEN, 3)
    lefts = [MARGIN + k * step + (k >= visible) * BETWEEN for k in range(visible + infrared)]
    for k, left in enumerate(lefts):
        assert sheet[:HEAD, left : left + 72].min() < 120  # a title
        cell = sheet[HEAD : HEAD + 160, left : left + 72]
        assert cell.std() > 10  # a picture
        assert (np.abs(cell[:, :, 0] - cell[:, :, 2]).max() == 0) == (k >= visible)


def test_a_thermal_camera_is_called_so() -> None:
    plain, thermal = (
        np.asarray(contact_sheet(SyntheticConfig(thermal=thermal), [1], height=160))[:HEAD] for thermal in (False, True)
    )
    infrared_from = MARGIN + 4 * (72 + GAP)
    assert not np.array_equal(plain[:, infrared_from:], thermal[:, infrared_from:])
    np.testing.assert_array_equal(plain[:, :infrared_from], thermal[:, :infrared_from])


def test_an_empty_sheet_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one identity"):
        contact_sheet(CONFIG, [])
