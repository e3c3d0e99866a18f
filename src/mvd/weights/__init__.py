"""Import and export of weights: file formats, naming schemes, and loading into a network.

`formats/` reads and writes files (`files` detects the format), `names` translates names, `load` combines both for
training, evaluation and conversion, `hub` transfers models.
"""

from mvd.weights.formats.files import Kind, WeightsFile, read_weights, write_weights
from mvd.weights.load import Framework, convert, count_classes, load_pretrained, load_whole, pretrained_file
from mvd.weights.names import Match, MatchReport, match, recognise

__all__ = [
    "Framework",
    "Kind",
    "Match",
    "MatchReport",
    "WeightsFile",
    "convert",
    "count_classes",
    "load_pretrained",
    "load_whole",
    "match",
    "pretrained_file",
    "read_weights",
    "recognise",
    "write_weights",
]
