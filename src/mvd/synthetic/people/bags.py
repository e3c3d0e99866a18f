"""Bags and other carried objects: shapes, straps and positions on the body."""

from __future__ import annotations

from mvd.synthetic.geometry import Point, Spot
from mvd.synthetic.people.canvas import Canvas, Ring
from mvd.synthetic.people.garments import trunk_rings
from mvd.synthetic.people.person import Bag, Material, Person
from mvd.synthetic.people.pose import Pose


def bag_is_behind(canvas: Canvas, person: Person) -> bool:
    """Return whether the bag is behind the person, as seen by the camera."""
    if person.bag is Bag.BACKPACK:
        return canvas.view.cos_yaw > -0.1
    return -person.side * canvas.view.sin_yaw < -0.1 or (person.bag is Bag.SUITCASE and canvas.view.cos_yaw > 0.4)


def draw_bag(canvas: Canvas, person: Person, pose: Pose) -> None:
    """Draw the bag without straps."""
    size, side = person.bag_size, person.side
    hand = canvas.view.see(pose.arms[(side + 1) // 2].hand)
    match person.bag:
        case Bag.BACKPACK:
            _draw_backpack(canvas, person, pose)
        case Bag.SATCHEL:
            hip = Point(side * (person.build.hips + person.clothes.bulk + 0.05), pose.pelvis.up + 0.02, 0.0)
            _draw_block(canvas, hip, (0.06, 0.15 * size), 0.24 * size, Material.BAG)
            flap = hip._replace(up=hip.up + 0.13 * size)
            _draw_block(canvas, flap, (0.062, 0.152 * size), 0.11 * size, Material.BAG_TRIM)
        case Bag.HANDBAG:
            _draw_handles(canvas, hand, 0.07 * size, 0.12)
            place = pose.arms[(side + 1) // 2].hand
            low = Point(place.left, place.up - 0.13 - 0.2 * size, place.front)
            _draw_block(canvas, low, (0.055, 0.15 * size), 0.2 * size, Material.BAG)
            _draw_block(canvas, low, (0.057, 0.152 * size), 0.04, Material.BAG_TRIM)
        case Bag.CARRIER:
            _draw_handles(canvas, hand, 0.05 * size, 0.1)
            x, y, _ = hand
            wide, high = 0.13 * size, 0.36 * size
            top = y - 0.1
            corners = [(x - 0.75 * wide, top), (x + 0.75 * wide, top), (x + 1.05 * wide, top - 0.7 * high),
                       (x + 0.8 * wide, top - high), (x - 0.8 * wide, top - high),
                       (x - 1.05 * wide, top - 0.7 * high)]  # fmt: skip
            canvas.polygon(corners, Material.BAG, 0.2)
            canvas.polygon([(x - 0.5 * wide, top - 0.35 * high), (x + 0.5 * wide, top - 0.35 * high),
                            (x + 0.5 * wide, top - 0.65 * high), (x - 0.5 * wide, top - 0.65 * high)],
                           Material.BAG_TRIM)  # fmt: skip
        case Bag.SUITCASE:
            _draw_suitcase(canvas, person, hand)
        case Bag.NONE:
            pass


def draw_straps(canvas: Canvas, person: Person, pose: Pose) -> None:
    """Draw the straps over the upper garment: two of a backpack, one of a satchel."""
    if person.bag not in (Bag.BACKPACK, Bag.SATCHEL):
        return
    length = pose.neck.up - pose.pelvis.up
    high = pose.neck.up - 0.01
    if person.bag is Bag.BACKPACK:
        rings = trunk_rings(person.build, pose, (high - 0.55 * length, high), person.clothes.bulk + 0.004)
        for middle in (-0.1, 0.1):
            canvas.strip(rings, (middle - 0.022, middle + 0.022), Material.BAG_TRIM)
        return
    shoulder = canvas.view.see(Point(-0.5 * person.side * person.build.shoulders, high, pose.neck.front))
    hip = canvas.view.see(Point(person.side * (person.build.hips + person.clothes.bulk), pose.pelvis.up + 0.12, 0.0))
    canvas.polygon([(shoulder.x - 0.02, shoulder.y), (shoulder.x + 0.02, shoulder.y), (hip.x + 0.02, hip.y),
                    (hip.x - 0.02, hip.y)], Material.BAG_TRIM)  # fmt: skip


def _draw_backpack(canvas: Canvas, person: Person, pose: Pose) -> None:
    size = person.bag_size
    behind = 0.7 * person.build.waist + person.clothes.bulk + 0.075 * size
    high = pose.neck.up + 0.01
    low = high - 0.47 * size
    wide, deep = 0.155 * size, 0.085 * size
    shape = ((0.0, 0.9, 0.8), (0.06, 1.0, 1.0), (0.75, 1.0, 0.95), (0.93, 0.85, 0.7), (1.0, 0.55, 0.4))
    rings = [Ring(Point(0.0, low + t * (high - low), pose.neck.front * t - behind), w * wide, d * deep)
             for t, w, d in shape]  # fmt: skip
    canvas.tube(rings, Material.BAG)
    pocket = [Ring(Point(0.0, low + t * (high - low), -behind - 0.02), 0.8 * wide, deep) for t in (0.08, 0.45)]
    canvas.strip(pocket, (0.36, 0.64), Material.BAG_TRIM)


def _draw_block(canvas: Canvas, low: Point, half: tuple[float, float], high: float, material: Material) -> None:
    """Draw a bag with a flat bottom, of the given half-widths to the side and front, and height."""
    wide, deep = half
    canvas.tube([Ring(low, wide, deep), Ring(low._replace(up=low.up + high), 0.9 * wide, 0.92 * deep)], material)


def _draw_handles(canvas: Canvas, hand: Spot, half: float, drop: float) -> None:
    for side in (-1, 1):
        end = Spot(hand.x + side * half, hand.y - drop - 0.02, hand.near)
        canvas.limb((hand, end), (0.01, 0.01), Material.BAG_TRIM)


def _draw_suitcase(canvas: Canvas, person: Person, hand: Spot) -> None:
    size, side = person.bag_size, person.side
    place = Point(side * (person.build.hips + 0.17), 0.05, -0.22)
    top = canvas.view.see(place._replace(up=0.05 + 0.52 * size))
    canvas.limb((hand, top), (0.012, 0.012), Material.BAG_TRIM)
    for forward in (-0.11, 0.11):
        wheel = canvas.view.see(place._replace(up=0.03, front=place.front + forward))
        canvas.disc((wheel.x, wheel.y), 0.03, 0.03, Material.BAG_TRIM)
    _draw_block(canvas, place, (0.12 * size, 0.19 * size), 0.52 * size, Material.BAG)
    band = place._replace(up=0.05 + 0.34 * size)
    _draw_block(canvas, band, (0.121 * size, 0.191 * size), 0.05, Material.BAG_TRIM)
