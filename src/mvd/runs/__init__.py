"""The run folder, and the checkpoints and small files in it."""

from mvd.runs.checkpoints import OPTIMIZER_PREFIX, CheckpointMeta, Tensors, check_finite, load_checkpoint
from mvd.runs.files import write_atomically
from mvd.runs.folder import CheckpointName, RunData, RunFolder, create_run, open_run

__all__ = [
    "OPTIMIZER_PREFIX",
    "CheckpointMeta",
    "CheckpointName",
    "RunData",
    "RunFolder",
    "Tensors",
    "check_finite",
    "create_run",
    "load_checkpoint",
    "open_run",
    "write_atomically",
]
