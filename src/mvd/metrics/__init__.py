"""Metrics of cross-modal retrieval: CMC, mAP and mINP under the protocols of the data sets. NumPy only, no torch.

`CrossModalRetrieval` is the metric object for a training loop: `update` it with batches of embeddings, then `compute`
the figures. `evaluate` is the functional form, from `Features` and a protocol to `Scores`. `score` works on distances.
"""

from mvd.metrics.cmc import Counting, Exclusion, Labels, TrialScores, score
from mvd.metrics.distances import cosine_distance
from mvd.metrics.features import Features
from mvd.metrics.galleries import Trial, draw_gallery, draw_trials
from mvd.metrics.protocols import (
    Draw,
    Protocol,
    find_protocol,
    llcm_protocol,
    own_protocol,
    protocols_of,
    regdb_protocol,
    select_protocols,
    sysu_protocol,
    validation_protocol,
)
from mvd.metrics.rankings import RankedLists, SavedRankings, load_rankings, rank, save_rankings
from mvd.metrics.rerank import Reranking, rerank
from mvd.metrics.retrieval import CrossModalRetrieval, RetrievalFigures
from mvd.metrics.scores import Figures, Scores, evaluate, join_trials

__all__ = [
    "Counting",
    "CrossModalRetrieval",
    "Draw",
    "Exclusion",
    "Features",
    "Figures",
    "Labels",
    "Protocol",
    "RankedLists",
    "Reranking",
    "RetrievalFigures",
    "SavedRankings",
    "Scores",
    "Trial",
    "TrialScores",
    "cosine_distance",
    "draw_gallery",
    "draw_trials",
    "evaluate",
    "find_protocol",
    "join_trials",
    "llcm_protocol",
    "load_rankings",
    "own_protocol",
    "protocols_of",
    "rank",
    "regdb_protocol",
    "rerank",
    "save_rankings",
    "score",
    "select_protocols",
    "sysu_protocol",
    "validation_protocol",
]
