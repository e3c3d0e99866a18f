"""The evaluation room: features and a protocol in, figures out. numpy only, no torch.

`features` holds descriptors with their table, `protocols` says what is done and `galleries` to which pictures,
`distances` compares, `ranking` finds the places of the matches, `rerank` moves them by what their neighbours say,
`metrics` turns them into CMC, mAP and mINP, `results` runs it all.
"""

from mvd.metrics.cmc import Counting, Exclusion, Labels, Scores, score
from mvd.metrics.distances import cosine_distance
from mvd.metrics.features import Features
from mvd.metrics.galleries import Trial, deal_trials, draw_gallery
from mvd.metrics.protocols import (
    Draw,
    Protocol,
    llcm_protocol,
    own_protocol,
    protocols_of,
    regdb_protocol,
    select_protocols,
    sysu_protocol,
    validation_protocol,
)
from mvd.metrics.rerank import Reranking
from mvd.metrics.scores import Figures, Result, evaluate, join_trials

__all__ = [
    "Counting",
    "Draw",
    "Exclusion",
    "Features",
    "Figures",
    "Labels",
    "Protocol",
    "Reranking",
    "Result",
    "Scores",
    "Trial",
    "cosine_distance",
    "deal_trials",
    "draw_gallery",
    "evaluate",
    "join_trials",
    "llcm_protocol",
    "own_protocol",
    "protocols_of",
    "regdb_protocol",
    "score",
    "select_protocols",
    "sysu_protocol",
    "validation_protocol",
]
