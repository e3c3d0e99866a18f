"""The run folder, and the checkpoints and small files in it."""

from mvd.files.atomic import write_atomically, write_json
from mvd.runs.card import Card, CardFigures, card_from_json, source_commit
from mvd.runs.checkpoints import (
    OPTIMIZER_PREFIX,
    CheckpointMeta,
    DamagedCheckpointError,
    Tensors,
    check_finite,
    load_checkpoint,
    read_card,
    read_config,
    read_meta,
    read_metadata,
)
from mvd.runs.creation import create_run, creating_run, empty_run, is_free
from mvd.runs.data import RunData
from mvd.runs.folder import CheckpointName, RunFolder, open_run, read_trained_on
from mvd.runs.recovery import recover
from mvd.runs.state import RunState, StateName, judge, last_sign, read_state, running, write_state

__all__ = [
    "OPTIMIZER_PREFIX",
    "Card",
    "CardFigures",
    "CheckpointMeta",
    "CheckpointName",
    "DamagedCheckpointError",
    "RunData",
    "RunFolder",
    "RunState",
    "StateName",
    "Tensors",
    "card_from_json",
    "check_finite",
    "create_run",
    "creating_run",
    "empty_run",
    "is_free",
    "judge",
    "last_sign",
    "load_checkpoint",
    "open_run",
    "read_card",
    "read_config",
    "read_meta",
    "read_metadata",
    "read_state",
    "read_trained_on",
    "recover",
    "running",
    "source_commit",
    "write_atomically",
    "write_json",
    "write_state",
]
