"""The list of `mvd protocols`: each name, with a description below."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from mvd.metrics.cmc import Counting, Exclusion
from mvd.metrics.protocols import Draw, Protocol, protocols_of

_EXCLUSIONS = {
    Exclusion.NOTHING: "",
    Exclusion.SAME_ROOM: "queries of camera 3 skip gallery pictures of camera 2; ",
    Exclusion.SAME_IDENTITY_AND_CAMERA: "gallery pictures of the query's person by the query's camera are skipped; ",
}
_DRAWS = {Draw.OFFICIAL: "drawn by exp/rand_perm_cam.mat", Draw.SEEDED: "drawn with the seeds 0 … 9"}
_NOTES = (
    "RegDB has trials 1 … 10, each a split of the people with a network of its own. /other-cameras is used if the "
    "cameras of own pictures are known. Queries without a match are counted and left out of the means. Equal distances "
    "keep gallery order: by identity, then camera, then as drawn or by file name."
)


def protocols_list() -> RenderableType:
    """Lay out all protocols of all data sets, and only the first of RegDB's ten trials."""
    parts: list[RenderableType] = []
    for dataset in ("sysu", "regdb", "llcm", "own"):
        variants = (False, True) if dataset == "own" else (True,)
        for protocol in (one for cameras in variants for one in protocols_of(dataset, cameras=cameras)):
            parts += [Text(protocol.name, style="bold"), Padding(_describe(protocol), (0, 0, 0, 4))]
        parts.append(Text())
    return Group(*parts, _NOTES)


def _describe(protocol: Protocol) -> str:
    rest = _pictures(protocol.query_modality.name, protocol.query_cameras)
    drawn = _pictures(protocol.gallery_modality.name, protocol.gallery_cameras)
    if protocol.draw is not Draw.EVERYTHING:
        each = "one picture" if protocol.shots == 1 else f"{protocol.shots} pictures"
        drawn += f", {each} of each person and camera {_DRAWS[protocol.draw]}"
    queries, gallery = (drawn, rest) if protocol.transposed else (rest, drawn)
    counted = "people" if protocol.counting is Counting.PEOPLE else "pictures"
    trials = "one trial" if protocol.trials == 1 else f"{protocol.trials} trials"
    excluded = _EXCLUSIONS[protocol.exclusion]
    return f"queries: {queries}; gallery: {gallery}; {excluded}CMC counts {counted}; {trials}"


def _pictures(modality: str, cameras: tuple[int, ...] | None) -> str:
    return f"{modality.lower()}, " + ("all" if cameras is None else f"cameras {', '.join(map(str, cameras))}")
