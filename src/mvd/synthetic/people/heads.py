"""Heads: hair, faces, hats and glasses.

Hair behind the head is a separate part: it is behind the trunk if the person faces the camera, and in front of it if
the person faces away.
"""

from __future__ import annotations

from mvd.synthetic.geometry import Point, Spot, length
from mvd.synthetic.people.canvas import Canvas, Ring
from mvd.synthetic.people.person import Hair, Headgear, Material, Person
from mvd.synthetic.people.pose import Pose

_WIDE, _DEEP, _HIGH = 0.076, 0.094, 0.118
_TURNED_AWAY = -0.35  # cosine of the yaw from which on no face is seen


def draw_behind_head(canvas: Canvas, person: Person, pose: Pose) -> None:
    """Draw the hair or hood that hangs behind the neck."""
    head, size = pose.head, person.build.head
    if person.headgear is Headgear.HOOD:
        return
    if person.hair is Hair.LONG:
        nape, wide = Point(0.0, head.up - 0.1, head.front - 0.05), 0.1 * size
        low = Point(0.0, head.up - 0.36, pose.neck.front - 0.1)
        top = Point(0.0, head.up + 0.05, head.front - 0.02)
        canvas.tube([Ring(low, 0.8 * wide, 0.045), Ring(nape, 1.1 * wide, 0.07), Ring(top, wide, 0.1)], Material.HAIR)
    elif person.hair is Hair.TAIL:
        knot = canvas.view.see(Point(0.0, head.up + 0.04, head.front - 0.13))
        tip = canvas.view.see(Point(0.0, head.up - 0.24, head.front - 0.17))
        canvas.limb((knot, tip), (0.045 * size, 0.022), Material.HAIR)
    elif person.hair is Hair.BUN:
        knot = canvas.view.see(Point(0.0, head.up + 0.11, head.front - 0.09))
        canvas.disc((knot.x, knot.y), 0.055 * size, 0.05 * size, Material.HAIR)


def draw_head(canvas: Canvas, person: Person, pose: Pose) -> None:
    """Draw skull, hair, face and headgear."""
    view, size = canvas.view, person.build.head
    spot = view.see(pose.head)
    wide = size * length(_WIDE * view.cos_yaw, _DEEP * view.sin_yaw)
    high = size * _HIGH
    _draw_hair(canvas, person, spot, wide, high)
    if view.cos_yaw > _TURNED_AWAY:
        _draw_face(canvas, spot, wide, high)
    _draw_headgear(canvas, person, spot, wide, high)


def _draw_hair(canvas: Canvas, person: Person, spot: Spot, wide: float, high: float) -> None:
    x, y, _ = spot
    back = -0.02 * canvas.view.sin_yaw
    hooded = person.headgear is Headgear.HOOD
    if hooded:
        canvas.disc((x + back, y - 0.01), 1.32 * wide, 1.2 * high, Material.HEADGEAR)
        if canvas.view.cos_yaw < 0:
            return
    match person.hair:
        case Hair.BALD:
            canvas.disc((x, y), wide, high, Material.SKIN)
        case Hair.ROUND if not hooded:
            canvas.disc((x + back, y + 0.035), 1.62 * wide, 1.22 * high, Material.HAIR)
        case Hair.BOB if not hooded:
            canvas.disc((x + back, y - 0.022), 1.36 * wide, 1.12 * high, Material.HAIR)
        case Hair.CROPPED:
            canvas.disc((x, y), wide, high, Material.SKIN)
            canvas.disc((x + back, y + 0.028), 1.03 * wide, 0.8 * high, Material.HAIR)
        case _:
            if canvas.view.cos_yaw <= 0 and person.hair is Hair.SHORT:
                canvas.disc((x, y - 0.02), 0.94 * wide, 0.96 * high, Material.SKIN)
            canvas.disc((x + back, y + 0.014), 1.1 * wide, high, Material.HAIR)


def _draw_face(canvas: Canvas, spot: Spot, wide: float, high: float) -> None:
    sin_yaw, cos_yaw = canvas.view.sin_yaw, canvas.view.cos_yaw
    half = wide * (0.52 + 0.34 * cos_yaw)
    x, y = spot.x + sin_yaw * (1.0 * wide - half), spot.y - 0.2 * high
    canvas.disc((x, y), half, 0.84 * high, Material.SKIN)
    if abs(sin_yaw) > 0.5:
        tip = x + (half + 0.012) * (1 if sin_yaw > 0 else -1)
        canvas.polygon([(x, y + 0.03), (tip, y - 0.012), (x, y - 0.02)], Material.SKIN)
    for side in (-1, 1):
        if side * sin_yaw < 0.8 and cos_yaw > -0.15:
            eye = x + 0.45 * half * side * max(cos_yaw, 0.2) + 0.3 * half * sin_yaw
            _dot(canvas, eye, y + 0.022, 0.013, 0.008)
            _dot(canvas, eye, y + 0.044, 0.018, 0.004)
    if cos_yaw > 0:
        _dot(canvas, x + 0.35 * half * sin_yaw, y - 0.055, 0.024 * cos_yaw, 0.005)


def _draw_headgear(canvas: Canvas, person: Person, spot: Spot, wide: float, high: float) -> None:
    x, y, _ = spot
    sin_yaw, cos_yaw = canvas.view.sin_yaw, canvas.view.cos_yaw
    brow = y + 0.22 * high
    match person.headgear:
        case Headgear.CAP:
            _dome(canvas, x, brow, 1.14 * wide, 0.92 * high)
            if cos_yaw > -0.6:
                reach = x + sin_yaw * (wide + 0.085)
                half = 0.9 * wide * max(cos_yaw, 0.0) + 0.02
                low = brow - 0.028 * max(cos_yaw, 0.0) - 0.012
                corners = [(x - half, brow + 0.02), (x + half, brow + 0.02), (reach + half, low), (reach - half, low)]
                canvas.polygon(corners, Material.HEADGEAR, -0.5)
        case Headgear.BEANIE:
            _dome(canvas, x, brow - 0.01, 1.16 * wide, 1.05 * high)
            canvas.polygon(_box(x, brow, 1.2 * wide, 0.022), Material.HEADGEAR, 0.0)
            canvas.disc((x, brow + 1.05 * high), 0.03, 0.03, Material.HEADGEAR)
        case Headgear.HAT:
            _dome(canvas, x, brow + 0.01, 1.12 * wide, 1.0 * high)
            canvas.disc((x, brow + 0.005), 2.1 * wide, 0.026, Material.HEADGEAR)
        case Headgear.NONE | Headgear.HOOD:
            pass


def _dome(canvas: Canvas, x: float, y: float, wide: float, high: float) -> None:
    """Draw the crown of a cap: an ellipse above a straight rim."""
    profile = ((0.0, 1.0), (0.3, 0.96), (0.6, 0.8), (0.85, 0.52), (1.0, 0.16))
    left = [(x - wide * half, y + high * up) for up, half in profile]
    right = [(x + wide * half, y + high * up) for up, half in reversed(profile)]
    canvas.polygon(left + right, Material.HEADGEAR, 0.0)
    for facing in (-0.7, 0.7):
        edge = [(x + wide * half * facing, y + high * up) for up, half in profile]
        rim = [(x + wide * half * (1 if facing > 0 else -1), y + high * up) for up, half in reversed(profile)]
        canvas.polygon(edge + rim, Material.HEADGEAR, facing)


def _box(x: float, y: float, half: float, high: float) -> list[tuple[float, float]]:
    return [(x - half, y - high), (x - half, y + high), (x + half, y + high), (x + half, y - high)]


def _dot(canvas: Canvas, x: float, y: float, half: float, high: float) -> None:
    canvas.polygon(_box(x, y, half, high), Material.FEATURE)
