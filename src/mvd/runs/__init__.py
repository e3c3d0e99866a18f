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
from mvd.runs.state import RunState, StateName, judge, last_sign, read_state, running, write_state

__all__ = [
    "OPTIMIZER_PREFIX",
    "CheckpointMeta",
    "CheckpointName",
    "DamagedCheckpointError",
    "RunData",
    "RunFolder",
    "RunState",
    "StateName",
    "Tensors",
    "check_finite",
    "create_run",
    "is_free",
    "judge",
    "last_sign",
    "load_checkpoint",
    "open_run",
    "read_state",
    "recover",
    "running",
    "write_atomically",
    "write_json",
    "write_state",
]
