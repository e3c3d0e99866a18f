"""A contact sheet: people in rows, cameras in columns, visible on the left, infrared on the right."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from mvd.data.samples import Modality
from mvd.errors import ConfigError
from mvd.synthetic.cameras import Camera
from mvd.synthetic.config import SyntheticConfig
from mvd.synthetic.picture import render

_GAP, _BETWEEN, _HEAD, _MARGIN = 3, 14, 18, 38
_INK, _PAPER = (40, 40, 40), (255, 255, 255)


def contact_sheet(
    config: SyntheticConfig, identities: Sequence[int], *, pictures: int = 1, height: int = 160
) -> Image.Image:
    """Render people as seen by every camera, both modalities side by side, with labels.

    Args:
        config: the data set.
        identities: identities, one row each.
        pictures: number of pictures per camera, at least 1.
        height: height of a picture in the sheet, at least 32 pixels.

    Raises:
        ConfigError: a number is out of range, or no people are requested.
    """
    if not identities or pictures < 1 or height < 32:
        raise ConfigError(
            "expected at least one identity, one picture per camera and 32 pixels of height, "
            f"found {len(identities)}, {pictures} and {height}"
        )
    width = round(0.45 * height)
    rig = config.plan.rig
    cameras = [config.camera(one.sensor) for modality in Modality for one in rig.of(modality)]
    columns = [(camera, picture + 1) for camera in cameras for picture in range(pictures)]
    lefts = [_MARGIN + k * (width + _GAP) + camera.modality * _BETWEEN for k, (camera, _) in enumerate(columns)]
    sheet = Image.new("RGB", (lefts[-1] + width + _GAP, _HEAD + len(identities) * (height + _GAP)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for left, (camera, picture) in zip(lefts, columns, strict=True):
        if picture == 1:
            draw.text((left + 2, 3), _title(camera), fill=_INK)
    for row, identity in enumerate(identities):
        top = _HEAD + row * (height + _GAP)
        draw.text((4, top + height // 2 - 6), f"{identity:04d}", fill=_INK)
        for left, (camera, picture) in zip(lefts, columns, strict=True):
            cell = Image.fromarray(render(config, identity, camera.sensor, picture))
            sheet.paste(cell.resize((width, height), Image.Resampling.BICUBIC), (left, top))
    return sheet


def _title(camera: Camera) -> str:
    return f"cam{camera.number} {'thermal' if camera.thermal else camera.modality.name.lower()}"
