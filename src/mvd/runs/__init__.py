"""The run folder, and the checkpoints and small files in it."""

from mvd.runs.checkpoints import (
    OPTIMIZER_PREFIX,
    CheckpointMeta,
    DamagedCheckpointError,
    Tensors,
    check_finite,
    load_checkpoint,
)
from mvd.runs.creation import create_run, is_free
from mvd.runs.files import write_atomically, write_json
from mvd.runs.folder import CheckpointName, RunData, RunFolder, open_run
from mvd.runs.recovery import recover

__all__ = [
    "OPTIMIZER_PREFIX",
    "CheckpointMeta",
    "CheckpointName",
    "DamagedCheckpointError",
    "RunData",
    "RunFolder",
    "Tensors",
    "check_finite",
    "create_run",
    "is_free",
    "load_checkpoint",
    "open_run",
    "recover",
    "write_atomically",
    "write_json",
]
