"""The run folder, and the checkpoints and small files in it."""

from mvd.runs.card import Card, CardFigures, card_from_json, source_commit
from mvd.runs.checkpoints import (
    OPTIMIZER_PREFIX,
    CheckpointMeta,
    Tensors,
    check_finite,
    load_checkpoint,
    read_card,
    read_config,
    read_meta,
    read_metadata,
)
from mvd.runs.files import write_atomically
from mvd.runs.folder import CheckpointName, RunData, RunFolder, create_run, open_run

__all__ = [
    "OPTIMIZER_PREFIX",
    "Card",
    "CardFigures",
    "CheckpointMeta",
    "CheckpointName",
    "RunData",
    "RunFolder",
    "Tensors",
    "card_from_json",
    "check_finite",
    "create_run",
    "load_checkpoint",
    "open_run",
    "read_card",
    "read_config",
    "read_meta",
    "read_metadata",
    "source_commit",
    "write_atomically",
]
