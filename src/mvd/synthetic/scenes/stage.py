"""Draw a scene in perspective: quads, boxes and discs, projected to the camera.

x to the right, y up, z away from the camera, in metres. The camera is 1.9 m high and level.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from mvd.synthetic.geometry import cosine, sine
from mvd.synthetic.people.person import Look

WIDTH, HEIGHT, HORIZON = 960, 720, 240
_FOCAL, _EYE = 900.0, 1.9
_NEAR = 1.2  # what is nearer is cut off, metres
_FRONT, _TOP, _SIDE = 0.88, 1.0, 0.7  # how bright the faces of a box are


def floor_row(distance: float) -> tuple[float, float]:
    """Return the pixels per metre at a distance, and the row of the ground there."""
    return _FOCAL / distance, HORIZON + _FOCAL * _EYE / distance


class Stage:
    """A scene as seen by one camera.

    Args:
        infrared: draw grey values instead of colours.
        thermal: use heat instead of near-infrared reflectance as grey values.
        mirrored: view the scene from the other side.
    """

    def __init__(self, *, infrared: bool, thermal: bool, mirrored: bool) -> None:
        self.picture = Image.new("L" if infrared else "RGB", (WIDTH, HEIGHT))
        self._draw = ImageDraw.Draw(self.picture)
        self._infrared, self._thermal = infrared, thermal
        self._flip = -1.0 if mirrored else 1.0

    def backdrop(self, sky: Look, ground: Look) -> None:
        """Fill the areas above and below the horizon."""
        self._draw.rectangle((0, 0, WIDTH, HORIZON), fill=self._ink(sky, 1.0))
        self._draw.rectangle((0, HORIZON, WIDTH, HEIGHT), fill=self._ink(ground, 1.0))

    def quad(self, corners: Sequence[tuple[float, float, float]], look: Look, light: float = 1.0) -> None:
        """Fill a polygon given by (x, y, z)."""
        self._draw.polygon([self._project(*corner) for corner in corners], fill=self._ink(look, light))

    def wall(self, x: tuple[float, float], y: tuple[float, float], z: float, look: Look, light: float = 1.0) -> None:
        """Fill a vertical rectangle that faces the camera."""
        self.quad([(x[0], y[0], z), (x[1], y[0], z), (x[1], y[1], z), (x[0], y[1], z)], look, light)

    def side(self, x: float, y: tuple[float, float], z: tuple[float, float], look: Look, light: float = 1.0) -> None:
        """Fill a vertical rectangle parallel to the viewing direction."""
        self.quad([(x, y[0], z[0]), (x, y[0], z[1]), (x, y[1], z[1]), (x, y[1], z[0])], look, light)

    def floor(self, x: tuple[float, float], z: tuple[float, float], look: Look, y: float = 0.0) -> None:
        """Fill a horizontal rectangle."""
        self.quad([(x[0], y, z[0]), (x[1], y, z[0]), (x[1], y, z[1]), (x[0], y, z[1])], look)

    def box(self, x: tuple[float, float], y: tuple[float, float], z: tuple[float, float], look: Look) -> None:
        """Draw the visible faces of a block."""
        if y[1] < _EYE:
            self.quad([(x[0], y[1], z[0]), (x[1], y[1], z[0]), (x[1], y[1], z[1]), (x[0], y[1], z[1])], look, _TOP)
        if x[0] > 0:
            self.side(x[0], y, z, look, _SIDE)
        elif x[1] < 0:
            self.side(x[1], y, z, look, _SIDE)
        self.wall(x, y, z[0], look, _FRONT)

    def disc(
        self, middle: tuple[float, float, float], wide: float, high: float, look: Look, light: float = 1.0
    ) -> None:
        """Fill an ellipse that faces the camera: a leaf cluster, a wheel, a lamp."""
        x, y, z = middle
        self.quad([(x + wide * cosine(k / 12), y + high * sine(k / 12), z) for k in range(12)], look, light)

    def _project(self, x: float, y: float, z: float) -> tuple[int, int]:
        z = max(z, _NEAR)
        return round(WIDTH / 2 + self._flip * _FOCAL * x / z), round(HORIZON + _FOCAL * (_EYE - y) / z)

    def _ink(self, look: Look, light: float) -> int | tuple[int, int, int]:
        if self._thermal:
            return look.heat  # warmth does not care where the light comes from
        if self._infrared:
            return min(255, round(look.infrared * light))
        r, g, b = (min(255, round(value * light)) for value in look.colour)
        return (r, g, b)
