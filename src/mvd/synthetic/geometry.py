"""Geometry of the figures, in floating-point arithmetic that is reproducible on every machine.

Products, sums and square roots of IEEE floats are reproducible; the sine of a C library is not. So the sine is a
polynomial, and coordinates are rounded to sub-pixels before drawing. Angles are in turns.

The frame of a person, in metres: `left` to the person's left, `up` from the ground, `front` in the direction of the
chest. A view rotates the person about the vertical axis (yaw 0: faces the camera, ¼: faces the right of the picture)
and looks down by the pitch.
"""

from __future__ import annotations

from math import floor, sqrt
from typing import NamedTuple

_TAU = 6.283185307179586


class Point(NamedTuple):
    """A point in a person's frame, in metres."""

    left: float
    up: float
    front: float


class Spot(NamedTuple):
    """A point in the camera's frame, in metres: right and up in the picture, and towards the camera."""

    x: float
    y: float
    near: float


class View(NamedTuple):
    """Sines and cosines of the viewing direction."""

    sin_yaw: float
    cos_yaw: float
    sin_pitch: float
    cos_pitch: float

    def see(self, point: Point) -> Spot:
        """Project orthographically: a person's depth is small compared with the distance."""
        near = point.front * self.cos_yaw - point.left * self.sin_yaw
        x = point.left * self.cos_yaw + point.front * self.sin_yaw
        return Spot(x, point.up * self.cos_pitch - near * self.sin_pitch, near)


def view(yaw: float, pitch: float) -> View:
    """Create the view of a yaw and a pitch, in turns."""
    return View(sine(yaw), cosine(yaw), sine(pitch), cosine(pitch))


def sine(turns: float) -> float:
    """Compute the sine of an angle in turns, to about 1e-9, by sums and products only."""
    folded = turns - floor(turns + 0.5)
    if folded > 0.25:
        folded = 0.5 - folded
    elif folded < -0.25:
        folded = -0.5 - folded
    x = folded * _TAU
    y = x * x
    return x * (1 + y * (-1 / 6 + y * (1 / 120 + y * (-1 / 5040 + y * (1 / 362880 - y / 39916800)))))


def cosine(turns: float) -> float:
    """Compute the cosine of an angle in turns."""
    return sine(turns + 0.25)


def length(x: float, y: float) -> float:
    """Compute the length of a vector by a square root, which is exact; `hypot` and powers use the C library."""
    return sqrt(x * x + y * y)


def along(start: Point, end: Point, share: float) -> Point:
    """Interpolate linearly from start (0) to end (1); larger values extrapolate."""
    return Point(*(a + (b - a) * share for a, b in zip(start, end, strict=True)))
