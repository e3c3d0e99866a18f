"""Draw a person in a pose: all body parts in drawing order, back to front."""

from __future__ import annotations

from mvd.synthetic.geometry import Spot, along, length
from mvd.synthetic.people.bags import bag_is_behind, draw_bag, draw_straps
from mvd.synthetic.people.canvas import Canvas
from mvd.synthetic.people.garments import draw_lower_garment, draw_upper_garment
from mvd.synthetic.people.heads import draw_behind_head, draw_head
from mvd.synthetic.people.person import Bag, Material, Pattern, Person
from mvd.synthetic.people.pose import Arm, Leg, Pose

_BEHIND = -0.06  # a shoulder that is this far behind the middle has its arm behind the trunk


def draw_figure(canvas: Canvas, person: Person, pose: Pose) -> None:
    """Draw a person onto the canvas."""
    view = canvas.view
    away = view.cos_yaw < 0
    carried_behind = bag_is_behind(canvas, person)
    arms = sorted(pose.arms, key=lambda arm: view.see(arm.shoulder).near)
    behind = [arm for arm in arms if view.see(arm.shoulder).near < _BEHIND]
    if carried_behind and person.bag is not Bag.BACKPACK:
        draw_bag(canvas, person, pose)
    for arm in behind:
        _draw_arm(canvas, person, arm)
    for leg in sorted(pose.legs, key=lambda leg: view.see(leg.hip).near + view.see(leg.ankle).near):
        _draw_leg(canvas, person, leg)
    if carried_behind and person.bag is Bag.BACKPACK:
        draw_bag(canvas, person, pose)
    if not away:
        draw_behind_head(canvas, person, pose)
    canvas.limb((view.see(pose.neck), view.see(pose.head)), (0.058, 0.055), Material.SKIN)
    draw_lower_garment(canvas, person, pose)
    draw_upper_garment(canvas, person, pose)
    draw_straps(canvas, person, pose)
    draw_head(canvas, person, pose)
    if away:
        draw_behind_head(canvas, person, pose)
    if not carried_behind and person.bag is Bag.BACKPACK:
        draw_bag(canvas, person, pose)
    for arm in arms:
        if arm not in behind:
            _draw_arm(canvas, person, arm)
    if not carried_behind and person.bag is not Bag.BACKPACK:
        draw_bag(canvas, person, pose)


def _draw_leg(canvas: Canvas, person: Person, leg: Leg) -> None:
    clothes, thick = person.clothes, person.build.limbs
    hip, knee, ankle, toe = (canvas.view.see(point) for point in leg)
    thigh, joint, shin = 0.083 * thick, 0.058 * thick, 0.04 * thick
    canvas.limb((hip, knee), (thigh, joint), Material.SKIN)
    canvas.limb((knee, ankle), (joint, shin), Material.SKIN)
    sole = [spot._replace(y=spot.y - 0.016) for spot in (ankle, toe)]
    canvas.limb((sole[0], sole[1]), (0.05, 0.036), Material.SOLE)
    canvas.limb((ankle, toe), (0.05, 0.036), Material.SHOE)
    if clothes.boots:
        top = canvas.view.see(along(leg.ankle, leg.knee, clothes.boots))
        canvas.limb((top, ankle), (1.25 * joint, 1.35 * shin), Material.SHOE)
    if clothes.skirt:
        return
    hem, width = clothes.bottom_hem, clothes.bottom_width
    if hem <= 0.5:
        end = canvas.view.see(along(leg.hip, leg.knee, 2 * hem))
        pieces = [((hip, end), (1.12 * thigh, max(width, joint)))]
    else:
        end = canvas.view.see(along(leg.knee, leg.ankle, 2 * hem - 1))
        bend = max(1.15 * joint, 0.5 * (1.12 * thigh + width))
        pieces = [((hip, knee), (1.12 * thigh, bend)), ((knee, end), (bend, width))]
    if clothes.boots and hem > 0.5 and width < 0.065:
        # Slim trousers go into the boots: the shin is theirs.
        pieces[1] = ((knee, canvas.view.see(along(leg.ankle, leg.knee, clothes.boots))), (bend, 1.05 * joint))
    for ends, radii in pieces:
        canvas.limb(ends, radii, Material.BOTTOM)
    if clothes.side_stripe:
        for ends, radii in pieces:
            _draw_side_stripe(canvas, 1.0 if leg.hip.left > 0 else -1.0, ends, radii)


def _draw_side_stripe(canvas: Canvas, side: float, ends: tuple[Spot, Spot], radii: tuple[float, float]) -> None:
    """Draw a stripe down the outer side of a trouser leg, if that side is visible."""
    across = side * canvas.view.cos_yaw  # where on the leg its outer side appears, −1 left … 1 right
    if -side * canvas.view.sin_yaw < -0.5:
        return
    corners = []
    for spot, radius in zip(ends, radii, strict=True):
        x, half = spot.x + 0.78 * radius * across, 0.2 * radius
        corners.append(((x - half, spot.y), (x + half, spot.y)))
    (a, b), (c, d) = corners
    canvas.polygon([a, b, d, c], Material.BOTTOM_PRINT)


def _draw_arm(canvas: Canvas, person: Person, arm: Arm) -> None:
    clothes, thick = person.clothes, person.build.limbs
    shoulder, elbow, hand = (canvas.view.see(point) for point in arm)
    upper, joint, wrist = 0.052 * thick, 0.042 * thick, 0.03 * thick
    canvas.limb((shoulder, elbow), (upper, joint), Material.SKIN)
    canvas.limb((elbow, hand), (joint, wrist), Material.SKIN)
    tip = canvas.view.see(along(arm.elbow, arm.hand, 1.2))
    canvas.limb((hand, tip), (0.038, 0.034), Material.SKIN)
    more = 0.5 * clothes.bulk + 0.008
    if clothes.sleeve <= 0.1:
        return
    if clothes.sleeve < 0.5:
        end = canvas.view.see(along(arm.shoulder, arm.elbow, 2 * clothes.sleeve))
        pieces = [((shoulder, end), (upper + more, joint + more + 0.01))]
    else:
        end = canvas.view.see(along(arm.elbow, arm.hand, 2 * clothes.sleeve - 1))
        pieces = [((shoulder, elbow), (upper + more, joint + more)), ((elbow, end), (joint + more, wrist + more))]
    for ends, radii in pieces:
        canvas.limb(ends, radii, Material.SLEEVE)
        if clothes.pattern in (Pattern.HOOPS, Pattern.CHECKS):
            _draw_rings_on_sleeve(canvas, ends, radii, clothes.period)


def _draw_rings_on_sleeve(canvas: Canvas, ends: tuple[Spot, Spot], radii: tuple[float, float], period: float) -> None:
    count = max(1, int(0.29 / period))
    if length(ends[0].x - ends[1].x, ends[0].y - ends[1].y) < 0.1:
        return  # it points at the camera
    for k in range(count):
        start = (k + 0.3) / count
        canvas.cuff(ends, radii, (start, start + 0.4 / count), Material.PRINT)
