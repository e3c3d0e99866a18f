"""Joint positions of a person who walks, stands or carries something.

A gait has one phase: the legs swing in opposite directions, a knee bends as its leg moves forward, and the arms swing
against the legs. Identities differ in stride, swing and lean; pictures differ in phase and in the amplitude of the
gait. Positions are in metres, in the person's frame, for a stature of 1.75.
"""

from __future__ import annotations

from typing import NamedTuple

from mvd.synthetic.geometry import Point, cosine, sine
from mvd.synthetic.people.person import Bag, Build, Person
from mvd.synthetic.randomness import Draws

STATURE = 1.75
_ANKLE = 0.075
_NECK = 0.285  # from the top of the head down to the base of the neck
_HEAD = 0.125  # … and to the middle of the head


class Leg(NamedTuple):
    hip: Point
    knee: Point
    ankle: Point
    toe: Point


class Arm(NamedTuple):
    shoulder: Point
    elbow: Point
    hand: Point


class Pose(NamedTuple):
    """The joints; legs and arms are (right, left)."""

    legs: tuple[Leg, Leg]
    arms: tuple[Arm, Arm]
    pelvis: Point
    neck: Point
    head: Point


class _Moment(NamedTuple):
    phase: float
    walk: float
    carries: tuple[bool, bool]
    raised: tuple[float, float]


def take_pose(person: Person, draws: Draws) -> Pose:
    """Draw the pose of a person in one picture."""
    build = person.build
    moment = _moment(person, draws)
    crotch = STATURE * build.legs - _ANKLE
    legs = tuple(_leg(build, moment, side, crotch) for side in (-1, 1))
    # The lower foot stands on the ground; everything else follows.
    lift = _ANKLE - min(leg.ankle.up for leg in legs)
    right, left = (Leg(*(Point(p.left, p.up + lift, p.front) for p in leg)) for leg in legs)
    lean = build.lean + 0.012 * moment.walk
    pelvis = Point(0.0, right.hip.up, 0.0)
    top = right.hip.up + STATURE * (1.0 - build.legs)
    neck = Point(0.0, top - _NECK, 2.2 * lean)
    head = Point(0.0, top - _HEAD, 3.6 * lean + 0.012)
    arms = tuple(_arm(build, moment, side, neck) for side in (-1, 1))
    return Pose(legs=(right, left), arms=(arms[0], arms[1]), pelvis=pelvis, neck=neck, head=head)


def _moment(person: Person, draws: Draws) -> _Moment:
    phase = draws.unit()
    walk = draws.between(0.55, 1.1) if draws.chance(0.75) else draws.between(0.0, 0.15)
    in_hand = person.bag in (Bag.HANDBAG, Bag.CARRIER, Bag.SUITCASE)
    carries = (in_hand and person.side == -1, in_hand and person.side == 1)
    kind, arm = draws.unit(), draws.below(2)
    raised = [0.0, 0.0]
    if kind < 0.1:
        raised[arm] = draws.between(0.2, 0.34)  # a telephone, a cup, a book
    elif kind < 0.16:
        raised = [0.14, 0.14]  # hands in front of the body
    return _Moment(phase, walk, carries, (raised[0], raised[1]))


def _leg(build: Build, moment: _Moment, side: int, crotch: float) -> Leg:
    phase = moment.phase + (0.5 if side > 0 else 0.0)
    thigh = build.stride * moment.walk * sine(phase) + 0.012 * moment.walk
    lifted = max(0.0, sine(phase + 0.2))
    flex = 0.008 + 0.1 * moment.walk * lifted * lifted
    upper, lower = 0.5 * crotch, 0.5 * crotch
    hip = Point(side * 0.52 * build.hips, crotch, 0.0)
    knee = Point(side * 0.5 * build.hips, hip.up - upper * cosine(thigh), upper * sine(thigh))
    shin = thigh - flex
    ankle = Point(side * 0.46 * build.hips, knee.up - lower * cosine(shin), knee.front + lower * sine(shin))
    foot = 0.5 * shin - 0.012
    toe = Point(ankle.left + side * 0.035, ankle.up - 0.045 + 0.17 * sine(foot), ankle.front + 0.17 * cosine(foot))
    return Leg(hip, knee, ankle, toe)


def _arm(build: Build, moment: _Moment, side: int, neck: Point) -> Arm:
    index = (side + 1) // 2
    swing = -build.swing * moment.walk * sine(moment.phase + (0.5 if side > 0 else 0.0))
    bend = 0.03 + 0.5 * max(0.0, swing)
    if moment.carries[index]:
        swing, bend = 0.25 * swing, 0.012
    elif moment.raised[index]:
        swing, bend = 0.035, moment.raised[index]
    out = build.arms_out
    shoulder = Point(side * (build.shoulders - 0.038), neck.up - 0.095, neck.front)
    elbow = Point(
        shoulder.left + side * 0.29 * sine(out),
        shoulder.up - 0.29 * cosine(swing),
        shoulder.front + 0.29 * sine(swing) - 0.01,
    )
    inward = 0.3 * bend  # a bent forearm comes before the body
    hand = Point(
        elbow.left + side * 0.27 * (0.5 * sine(out) - sine(inward)),
        elbow.up - 0.27 * cosine(swing + bend),
        elbow.front + 0.27 * sine(swing + bend),
    )
    return Arm(shoulder, elbow, hand)
