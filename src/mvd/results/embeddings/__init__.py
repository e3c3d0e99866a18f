"""Embeddings of own pictures, in memory and in files."""

from mvd.inference.identity import ModelIdentity
from mvd.results.embeddings.files import embeddings_format, read_embeddings, write_embeddings
from mvd.results.embeddings.rows import Embeddings, ModalitySource, concatenate

__all__ = [
    "Embeddings",
    "ModalitySource",
    "ModelIdentity",
    "concatenate",
    "embeddings_format",
    "read_embeddings",
    "write_embeddings",
]
