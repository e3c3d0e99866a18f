"""Canvas: the material map and the shading map of a figure.

The label map, at twice the resolution, contains a `Material` per pixel. The shading map contains the sideways
orientation of the surface, −1 … 1 as 28 … 228. Neither depends on light or modality: visible and infrared pictures are
computed from both maps by lookup tables, so they share all outlines, but no grey values.

Parts are drawn back to front. Corners are rounded to whole pixels of the label map before they are passed to Pillow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw

from mvd.synthetic.geometry import Point, Spot, View, cosine, length, sine
from mvd.synthetic.people.person import Material

FACING = 128
TURNED = 100
_BANDS = (-0.84, -0.56, -0.28, 0.0, 0.28, 0.56, 0.84)  # where each band across a round part faces
_EDGES = (-1.0, -0.7, -0.42, -0.14, 0.14, 0.42, 0.7, 1.0)
_ARC = tuple((sine(k / 16), cosine(k / 16)) for k in range(-4, 5))  # a half circle, from its left over its middle
_RING = tuple((cosine(k / 16), sine(k / 16)) for k in range(16))


class Ring(NamedTuple):
    """A horizontal ellipse around a body or limb: its centre and its semi-axes to the side and front, in metres."""

    middle: Point
    wide: float
    deep: float


class Section(NamedTuple):
    """A projected ring: its centre, half-width, and the drop of its near edge below the centre."""

    x: float
    y: float
    half: float
    sag: float


class Canvas:
    """The two maps of one picture.

    Args:
        size: (width, height) of the picture, pixels.
        scale: pixels per metre.
        origin: pixel of the ground point between the person's feet.
        view: viewing direction.
    """

    def __init__(self, size: tuple[int, int], scale: float, origin: tuple[float, float], view: View) -> None:
        self.view = view
        self.labels = Image.new("L", (2 * size[0], 2 * size[1]), Material.NOTHING)
        self.shades = Image.new("L", size, FACING)
        self._label_draw = ImageDraw.Draw(self.labels)
        self._shade_draw = ImageDraw.Draw(self.shades)
        self._scale, self._origin = scale, origin

    def polygon(self, corners: Sequence[tuple[float, float]], material: Material, facing: float | None = None) -> None:
        """Fill a polygon, in metres; without `facing` the shading is unchanged."""
        self._fill(self._label_draw, 2.0, corners, material)
        if facing is not None:
            self._fill(self._shade_draw, 1.0, corners, round(FACING + TURNED * facing))

    def disc(self, spot: tuple[float, float], wide: float, high: float, material: Material) -> None:
        """Fill an ellipse, shaded like a ball."""
        x, y = spot
        self._fill(self._label_draw, 2.0, [(x + wide * a, y + high * b) for a, b in _RING], material)
        self._shade_bands([(x - wide * b, y + high * a, x + wide * b, y + high * a) for a, b in _ARC])

    def limb(self, ends: tuple[Spot, Spot], radii: tuple[float, float], material: Material) -> None:
        """Fill a tapered tube with round ends between two joints."""
        (x0, y0, _), (x1, y1, _) = ends
        r0, r1 = radii
        dx, dy = x1 - x0, y1 - y0
        size = max(length(dx, dy), 1e-6)
        ux, uy = dx / size, dy / size
        nx, ny = (-uy, ux) if -uy >= 0 else (uy, -ux)  # across, towards the right of the picture
        cap0 = [(x0 + r0 * (a * nx - b * ux), y0 + r0 * (a * ny - b * uy)) for a, b in _ARC]
        cap1 = [(x1 + r1 * (a * nx + b * ux), y1 + r1 * (a * ny + b * uy)) for a, b in reversed(_ARC)]
        self._fill(self._label_draw, 2.0, cap0 + cap1, material)
        self._shade_bands([(c[0][0], c[0][1], c[1][0], c[1][1]) for c in self._cross_lines(cap0, cap1)])

    def cuff(self, ends: tuple[Spot, Spot], radii: tuple[float, float], shares: tuple[float, float],
             material: Material) -> None:  # fmt: skip
        """Paint a band around a limb, between two fractions of its length; the shading is unchanged."""
        (x0, y0, _), (x1, y1, _) = ends
        dx, dy = x1 - x0, y1 - y0
        size = max(length(dx, dy), 1e-6)
        nx, ny = -dy / size, dx / size
        corners = []
        for share, sides in zip(shares, ((1.0, -1.0), (-1.0, 1.0)), strict=True):
            x, y, r = x0 + share * dx, y0 + share * dy, radii[0] + share * (radii[1] - radii[0])
            corners += [(x + s * r * nx, y + s * r * ny) for s in sides]
        self.polygon(corners, material)

    def sections(self, rings: Sequence[Ring]) -> list[Section]:
        """Project rings."""
        v = self.view
        seen = []
        for middle, wide, deep in rings:
            x, y, _ = v.see(middle)
            half = length(wide * v.cos_yaw, deep * v.sin_yaw)
            reach = length(wide * v.sin_yaw, deep * v.cos_yaw)
            seen.append(Section(x, y, half, reach * v.sin_pitch))
        return seen

    def tube(self, rings: Sequence[Ring], material: Material) -> None:
        """Fill the hull of rings, from lowest to highest, with round hems."""
        seen = self.sections(rings)
        low, high = seen[0], seen[-1]
        corners = [(low.x + a * low.half, low.y - b * low.sag) for a, b in _ARC]
        corners += [(s.x + s.half, s.y) for s in seen[1:]]
        corners += [(high.x + a * high.half, high.y + b * high.sag) for a, b in reversed(_ARC)]
        corners += [(s.x - s.half, s.y) for s in reversed(seen[1:-1])]
        self._fill(self._label_draw, 2.0, corners, material)
        self._shade_bands([(s.x - s.half, s.y, s.x + s.half, s.y) for s in seen], low.sag)

    def hoop(self, low: Section, high: Section, material: Material) -> None:
        """Paint a band around a tube between two of its sections."""
        corners = [(low.x + a * low.half, low.y - b * low.sag) for a, b in _ARC]
        corners += [(high.x + a * high.half, high.y - b * high.sag) for a, b in reversed(_ARC)]
        self.polygon(corners, material)

    def strip(self, rings: Sequence[Ring], around: tuple[float, float], material: Material) -> None:
        """Paint the visible part of a strip along a tube, between two angles (in turns; 0 front, ¼ left)."""
        seen = self.sections(rings)
        sides = [[self._surface(ring, section, angle) for ring, section in zip(rings, seen, strict=True)]
                 for angle in around]  # fmt: skip
        if any(spot.near > 0 for side in sides for spot in side):
            self.polygon([(s.x, s.y) for s in sides[0]] + [(s.x, s.y) for s in reversed(sides[1])], material)

    def _surface(self, ring: Ring, section: Section, angle: float) -> Spot:
        """Return a point on a ring; a point on the far side is moved to the nearer edge."""
        v = self.view
        left, front = ring.wide * sine(angle), ring.deep * cosine(angle)
        across = left * v.cos_yaw + front * v.sin_yaw
        near = front * v.cos_yaw - left * v.sin_yaw
        if near < 0:
            across = section.half if across > 0 else -section.half
        return Spot(section.x + across, section.y - max(near, 0.0) * v.sin_pitch, near)

    @staticmethod
    def _cross_lines(
        cap0: list[tuple[float, float]], cap1: list[tuple[float, float]]
    ) -> list[tuple[tuple[float, float], tuple[float, float]]]:
        """Return pairs of left and right points along a limb, from its first end to its last."""
        count = len(cap0)
        starts = [(cap0[k], cap0[count - 1 - k]) for k in range(count // 2 - 1, -1, -1)]
        return starts + [(cap1[count - 1 - k], cap1[k]) for k in range(count // 2)]

    def _shade_bands(self, lines: Sequence[tuple[float, float, float, float]], sag: float = 0.0) -> None:
        """Shade a part by bands between consecutive (left, right) lines across it."""
        if sag:
            lines = [(lines[0][0], lines[0][1] - sag, lines[0][2], lines[0][3] - sag), *lines]
        for facing, a, b in zip(_BANDS, _EDGES[:-1], _EDGES[1:], strict=True):
            p, q = (1 + a) / 2, (1 + b) / 2
            one = [(x0 + p * (x1 - x0), y0 + p * (y1 - y0)) for x0, y0, x1, y1 in lines]
            two = [(x0 + q * (x1 - x0), y0 + q * (y1 - y0)) for x0, y0, x1, y1 in reversed(lines)]
            self._fill(self._shade_draw, 1.0, one + two, round(FACING + TURNED * facing))

    def _fill(self, draw: ImageDraw.ImageDraw, zoom: float, corners: Sequence[tuple[float, float]], value: int) -> None:
        scale, x0, y0 = zoom * self._scale, zoom * self._origin[0], zoom * self._origin[1]
        draw.polygon([(round(x0 + scale * x), round(y0 - scale * y)) for x, y in corners], fill=value)
