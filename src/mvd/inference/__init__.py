"""Trained networks as functions from pictures to embeddings. `open_model` needs no framework until it opens weights."""

from mvd.inference.identity import ModelIdentity
from mvd.inference.models import PictureModel, open_model

__all__ = ["ModelIdentity", "PictureModel", "open_model"]
