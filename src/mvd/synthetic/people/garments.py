"""Trunk, upper garments with their patterns, skirts, and tops of trousers.

A garment is a tube of rings around the trunk. Below the hip it widens around the legs, so a coat or skirt moves with
the gait. Patterns are bands between two heights and strips between two angles of the tube; they rotate with the body.
"""

from __future__ import annotations

from collections.abc import Sequence

from mvd.synthetic.geometry import Point, along
from mvd.synthetic.people.canvas import Canvas, Ring
from mvd.synthetic.people.person import Build, Material, Pattern, Person
from mvd.synthetic.people.pose import Leg, Pose

_LEG_DEPTH = 0.085


def draw_lower_garment(canvas: Canvas, person: Person, pose: Pose) -> None:
    """Draw a skirt, or the top of trousers; trouser legs are drawn with the legs."""
    waist = pose.pelvis.up + 0.34 * (pose.neck.up - pose.pelvis.up)
    clothes = person.clothes
    hem = height_on_leg(pose, clothes.bottom_hem) if clothes.skirt else pose.pelvis.up - 0.05
    flare = clothes.bottom_width if clothes.skirt else 0.0
    canvas.tube(_around_trunk(person.build, pose, (hem, waist), 0.006, flare), Material.BOTTOM)


def draw_upper_garment(canvas: Canvas, person: Person, pose: Pose) -> None:
    """Draw the upper garment from its hem to the neck, its pattern, and its open front."""
    clothes = person.clothes
    hem = hem_height(person, pose)
    rings = _around_trunk(person.build, pose, (hem, pose.neck.up + 0.03), clothes.bulk, clothes.flare)
    canvas.tube(rings, Material.TOP)
    _draw_pattern(canvas, person, rings)
    if clothes.is_open:
        canvas.strip(rings, (-0.045, 0.05), Material.INNER)
    elif clothes.bulk > 0.025:
        canvas.strip(rings, (-0.006, 0.006), Material.FEATURE)


def hem_height(person: Person, pose: Pose) -> float:
    """Return the height of the upper garment's hem, in metres."""
    hem = person.clothes.hem
    if hem <= 0.05:
        return pose.pelvis.up + 0.02 - hem
    return height_on_leg(pose, hem)


def height_on_leg(pose: Pose, share: float) -> float:
    """Return the height at a fraction of the way from hip to ankle of straight legs, in metres."""
    lowest = min(leg.ankle.up for leg in pose.legs)
    return pose.pelvis.up + share * (lowest - pose.pelvis.up)


def trunk_rings(build: Build, pose: Pose, span: tuple[float, float], bulk: float) -> list[Ring]:
    """Create the rings of the trunk between two heights, `bulk` metres thicker than the body."""
    low, high = span
    base, length = pose.pelvis.up, pose.neck.up - pose.pelvis.up
    profile = (
        (-0.2, 0.97 * build.hips, 0.7),
        (0.12, build.hips, 0.7),
        (0.42, build.waist, 0.68),
        (0.72, 0.5 * (build.waist + build.shoulders), 0.62),
        (0.86, 0.97 * build.shoulders, 0.5),
        (0.92, 0.9 * build.shoulders, 0.48),
        (0.97, 0.62 * build.shoulders, 0.55),
        (1.02, 0.4 * build.shoulders, 0.7),
        (1.06, 0.062, 0.95),
    )
    heights = [base + share * length for share, _, _ in profile]
    inner = [height for height in heights if low + 1e-3 < height < high - 1e-3]
    return [_trunk_ring(profile, heights, pose, height, bulk) for height in (low, *inner, high)]


def _trunk_ring(
    profile: Sequence[tuple[float, float, float]], heights: Sequence[float], pose: Pose, height: float, bulk: float
) -> Ring:
    above = next((k for k, h in enumerate(heights) if h >= height), len(heights) - 1)
    above = max(above, 1)
    share = min(1.0, max(0.0, (height - heights[above - 1]) / (heights[above] - heights[above - 1])))
    _, wide0, ratio0 = profile[above - 1]
    _, wide1, ratio1 = profile[above]
    wide, ratio = wide0 + share * (wide1 - wide0), ratio0 + share * (ratio1 - ratio0)
    lean = max(0.0, (height - pose.pelvis.up) / (pose.neck.up - pose.pelvis.up))
    middle = Point(0.0, height, along(pose.pelvis, pose.neck, lean).front)
    return Ring(middle, wide + bulk, wide * ratio + bulk)


def _around_trunk(build: Build, pose: Pose, span: tuple[float, float], bulk: float, flare: float) -> list[Ring]:
    """Create the rings of a garment; below the hip it spans both legs and widens by `flare` to its hem."""
    low, high = span
    hip = pose.pelvis.up + 0.03
    if low >= hip:
        return trunk_rings(build, pose, span, bulk)
    below = []
    drop = max(hip - low, 1e-3)
    for height in (low, (low + hip) / 2):
        wider = flare * (hip - height) / drop
        spans = [_front_at(leg, height) for leg in pose.legs]
        middle = 0.5 * (spans[0] + spans[1])
        deep = max(0.7 * build.hips, 0.5 * abs(spans[0] - spans[1]) + _LEG_DEPTH) + bulk + wider
        below.append(Ring(Point(0.0, height, middle), build.hips + bulk + wider, deep))
    return below + trunk_rings(build, pose, (hip, high), bulk)


def _front_at(leg: Leg, height: float) -> float:
    """Return the forward position of a leg at a height."""
    upper, lower = (leg.hip, leg.knee) if height > leg.knee.up else (leg.knee, leg.ankle)
    return along(upper, lower, (upper.up - height) / max(upper.up - lower.up, 1e-3)).front


def _draw_pattern(canvas: Canvas, person: Person, rings: list[Ring]) -> None:
    clothes = person.clothes
    low, high = rings[0].middle.up, rings[-1].middle.up
    match clothes.pattern:
        case Pattern.PLAIN:
            pass
        case Pattern.HOOPS:
            _draw_hoops(canvas, rings, clothes.period, 0.45)
        case Pattern.STRIPES:
            _draw_strips(canvas, rings, 0.8 * clothes.period, 0.4)
        case Pattern.CHECKS:
            _draw_hoops(canvas, rings, clothes.period, 0.3)
            _draw_strips(canvas, rings, 0.8 * clothes.period, 0.3)
        case Pattern.YOKE:
            canvas.tube(_cut(rings, high - 0.19 - clothes.period, high), Material.PRINT)
        case Pattern.LOGO:
            chest = _cut(rings, high - 0.3 - 0.7 * clothes.period, high - 0.17)
            canvas.strip(chest, (-0.09, 0.09), Material.PRINT)
            canvas.strip(chest, (0.44, 0.56), Material.PRINT)
        case Pattern.BELT:
            middle = low + 0.3 * (high - low)
            _draw_hoop(canvas, rings, middle, middle + 0.06 + 0.5 * clothes.period)


def _draw_hoops(canvas: Canvas, rings: list[Ring], period: float, share: float) -> None:
    low, high = rings[0].middle.up, rings[-1].middle.up - 0.04
    for k in range(int((high - low) / period)):
        start = high - (k + 1) * period
        _draw_hoop(canvas, rings, start, start + share * period)


def _draw_hoop(canvas: Canvas, rings: list[Ring], low: float, high: float) -> None:
    ends = _cut(rings, low, high)
    seen = canvas.sections([ends[0], ends[-1]])
    canvas.hoop(seen[0], seen[1], Material.PRINT)


def _draw_strips(canvas: Canvas, rings: list[Ring], period: float, share: float) -> None:
    count = max(5, round(0.85 / period))
    for k in range(count):
        canvas.strip(rings, (k / count, (k + share) / count), Material.PRINT)


def _cut(rings: list[Ring], low: float, high: float) -> list[Ring]:
    """Return the part of a tube between two heights."""
    low, high = max(low, rings[0].middle.up), min(high, rings[-1].middle.up)
    inner = [ring for ring in rings if low < ring.middle.up < high]
    return [_between(rings, low), *inner, _between(rings, high)]


def _between(rings: list[Ring], height: float) -> Ring:
    above = next((k for k, ring in enumerate(rings) if ring.middle.up >= height), len(rings) - 1)
    one, two = rings[max(above - 1, 0)], rings[above]
    share = (height - one.middle.up) / max(two.middle.up - one.middle.up, 1e-6)
    wide, deep = one.wide + share * (two.wide - one.wide), one.deep + share * (two.deep - one.deep)
    return Ring(along(one.middle, two.middle, share), wide, deep)
