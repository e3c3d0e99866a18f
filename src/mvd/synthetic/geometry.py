"""Geometry of the figures, in plain floats that are the same on every machine.

Products, sums and square roots of IEEE floats are reproducible; sines of a C library are not. So sine is a polynomial
here, and coordinates are rounded to sub-pixels before drawing. Angles are in turns.

A person's frame: `left` to the person's left, `up` from the ground, `front` where the chest points; metres.
A view turns the person about the vertical (yaw 0: faces the camera, ¼: looks to the right of the picture) and looks
down by the pitch.
"""

from __future__ import annotations

from math import floor, sqrt
from typing import NamedTuple

_TAU = 6.283185307179586


class Point(NamedTuple):
    """A place in a person's frame, metres."""

    left: float
    up: float
    front: float


class Spot(NamedTuple):
    """A place as the camera sees it, metres: right and up in the picture, and nearer to the camera."""

    x: float
    y: float
    near: float


class View(NamedTuple):
    """The sines and cosines of the direction that a person is seen from."""

    sin_yaw: float
    cos_yaw: float
    sin_pitch: float
    cos_pitch: float

    def see(self, point: Point) -> Spot:
        """Project without perspective: a person is shallow next to the distance."""
        near = point.front * self.cos_yaw - point.left * self.sin_yaw
        x = point.left * self.cos_yaw + point.front * self.sin_yaw
        return Spot(x, point.up * self.cos_pitch - near * self.sin_pitch, near)


def view(yaw: float, pitch: float) -> View:
    """Make the view of a yaw and pitch in turns."""
    return View(sine(yaw), cosine(yaw), sine(pitch), cosine(pitch))


def sine(turns: float) -> float:
    """Sine of an angle in turns, to about 1e-9, from sums and products alone."""
    folded = turns - floor(turns + 0.5)
    if folded > 0.25:
        folded = 0.5 - folded
    elif folded < -0.25:
        folded = -0.5 - folded
    x = folded * _TAU
    y = x * x
    return x * (1 + y * (-1 / 6 + y * (1 / 120 + y * (-1 / 5040 + y * (1 / 362880 - y / 39916800)))))


def cosine(turns: float) -> float:
    """Cosine of an angle in turns."""
    return sine(turns + 0.25)


def length(x: float, y: float) -> float:
    """Length of a flat vector; `hypot` and powers come from the C library, a square root is exact."""
    return sqrt(x * x + y * y)


def along(start: Point, end: Point, share: float) -> Point:
    """Walk from start to end by a share of the way; beyond 1 it goes on."""
    return Point(*(a + (b - a) * share for a, b in zip(start, end, strict=True)))
