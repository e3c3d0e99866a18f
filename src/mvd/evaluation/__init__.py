"""The evaluation room: features and a protocol in, figures out. numpy only, no torch.

`features` holds descriptors with their table, `protocols` says who is searched for where, `ranking` finds the places
of the matches, `metrics` turns them into CMC, mAP and mINP, `results` runs it all.
"""

from mvd.evaluation.features import Features
from mvd.evaluation.metrics import Counting, Exclusion, Labels, Scores, score
from mvd.evaluation.protocols import Draw, Protocol, draw_gallery, sysu_protocol, validation_protocol
from mvd.evaluation.ranking import cosine_distance
from mvd.evaluation.results import Figures, Result, evaluate

__all__ = [
    "Counting",
    "Draw",
    "Exclusion",
    "Features",
    "Figures",
    "Labels",
    "Protocol",
    "Result",
    "Scores",
    "cosine_distance",
    "draw_gallery",
    "evaluate",
    "score",
    "sysu_protocol",
    "validation_protocol",
]
