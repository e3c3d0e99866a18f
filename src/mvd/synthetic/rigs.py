"""The rigs of SYSU-MM01, RegDB and LLCM, and a varied rig with a random camera for each picture.

- SYSU-MM01: cameras 1, 2, 4, 5 are visible, 3 and 6 near-infrared; 1–3 are indoors, 4–6 outdoors; 2 and 3 see the same
  room. Camera 6 is outdoors at night: its own lamp lights people, but hardly the background.
- RegDB: a visible and a thermal camera side by side, with small pictures.
- LLCM: nine cameras in low light; each is visible by day and, except camera 3, near-infrared by night.
"""

from __future__ import annotations

from mvd.data.samples import Modality
from mvd.synthetic.cameras import Camera, Place, Rig

_VISIBLE, _INFRARED = Modality.VISIBLE, Modality.INFRARED
_EQUAL = (1.0, 1.0, 1.0)

SYSU_RIG = Rig(
    name="SYSU-MM01",
    cameras=(
        Camera(1, _VISIBLE, Place.CORRIDOR, False, 0.035, (1.06, 1.0, 0.86), (0.9, 1.2), 0.25, 0.6, 0.0, 4.0),
        Camera(2, _VISIBLE, Place.ROOM, False, 0.045, (0.93, 1.02, 1.0), (1.0, 1.3), -0.4, 0.65, 0.0, 3.0),
        Camera(3, _INFRARED, Place.ROOM, True, 0.045, _EQUAL, (1.1, 1.4), 0.0, 0.5, 0.35, 4.0),
        Camera(4, _VISIBLE, Place.COURTYARD, False, 0.025, (1.04, 1.0, 0.94), (1.15, 1.5), 0.75, 0.5, 0.0, 2.0),
        Camera(5, _VISIBLE, Place.STREET, False, 0.03, (0.9, 0.98, 1.1), (0.85, 1.15), -0.6, 0.65, 0.0, 3.0),
        Camera(6, _INFRARED, Place.GARDEN, False, 0.03, _EQUAL, (1.05, 1.45), 0.15, 0.4, 0.75, 5.5),
    ),
)

REGDB_RIG = Rig(
    name="RegDB",
    height=128,
    cameras=(
        Camera(1, _VISIBLE, Place.COURTYARD, True, 0.05, (0.97, 1.0, 1.03), (1.0, 1.35), 0.5, 0.6, 0.0, 3.0),
        Camera(2, _INFRARED, Place.COURTYARD, True, 0.05, _EQUAL, (1.15, 1.55), 0.0, 0.7, 0.0, 3.5, thermal=True),
    ),
)

_LLCM_BY_DAY = (
    Camera(1, _VISIBLE, Place.HALL, False, 0.04, (1.0, 1.0, 1.0), (0.8, 1.1), 0.5, 0.6, 0.0, 4.0),
    Camera(2, _VISIBLE, Place.CORRIDOR, True, 0.035, (1.1, 1.0, 0.8), (0.7, 0.95), -0.25, 0.6, 0.0, 5.0),
    Camera(3, _VISIBLE, Place.LIBRARY, False, 0.045, (1.1, 1.02, 0.86), (0.75, 1.05), 0.3, 0.7, 0.0, 4.0),
    Camera(4, _VISIBLE, Place.ROOM, True, 0.045, (0.9, 1.0, 1.08), (0.7, 1.0), -0.5, 0.55, 0.0, 4.0),
    Camera(5, _VISIBLE, Place.COURTYARD, False, 0.025, (1.08, 0.98, 0.88), (0.85, 1.2), -0.8, 0.45, 0.0, 3.0),
    Camera(6, _VISIBLE, Place.STREET, True, 0.03, (1.2, 0.96, 0.62), (0.6, 0.85), 0.6, 0.5, 0.0, 6.0),
    Camera(7, _VISIBLE, Place.GARAGE, False, 0.05, (0.92, 1.1, 0.86), (0.6, 0.85), 0.2, 0.55, 0.0, 6.0),
    Camera(8, _VISIBLE, Place.WATERSIDE, False, 0.025, (0.84, 0.94, 1.2), (0.6, 0.9), 0.7, 0.65, 0.0, 5.0),
    Camera(9, _VISIBLE, Place.GARDEN, True, 0.03, (0.86, 0.98, 1.08), (0.55, 0.8), -0.4, 0.5, 0.0, 7.0),
)
# Camera → brightness, falloff and noise with its infrared lamp on; indoors walls throw the light back.
_LLCM_LAMPS = {
    1: ((1.0, 1.3), 0.45, 4.0),
    2: ((1.1, 1.4), 0.3, 4.0),
    4: ((0.95, 1.25), 0.35, 4.5),
    5: ((1.05, 1.4), 0.7, 5.0),
    6: ((0.9, 1.25), 0.75, 5.5),
    7: ((1.1, 1.45), 0.5, 4.5),
    8: ((1.0, 1.4), 0.8, 6.0),
    9: ((1.05, 1.45), 0.75, 5.5),
}


def _by_night(camera: Camera, exposure: tuple[float, float], falloff: float, noise: float) -> Camera:
    """Return the near-infrared version of a camera: all light comes from its own lamp."""
    return camera._replace(
        modality=_INFRARED, gains=_EQUAL, exposure=exposure, side=0.0, ambient=0.45, falloff=falloff, noise=noise
    )


LLCM_RIG = Rig(
    name="LLCM",
    cameras=_LLCM_BY_DAY
    + tuple(_by_night(camera, *_LLCM_LAMPS[camera.number]) for camera in _LLCM_BY_DAY if camera.number in _LLCM_LAMPS),
)

VARIED_RIG = Rig(
    name="varied",
    height=160,
    cameras=tuple(
        Camera(number, modality, Place.STREET, False, 0.0, _EQUAL, (1.0, 1.0), 0.0, 0.5, 0.0, 1.0, thermal, roams=True)
        for number, (modality, thermal) in enumerate(
            [(_VISIBLE, False), (_INFRARED, False), (_INFRARED, True)], start=1
        )
    ),
)
"""A visible, a near-infrared and a thermal camera with `roams`; the model in the box is trained on their pictures."""
