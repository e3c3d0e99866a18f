"""Inference: embed pictures with trained networks. `open_model` imports a framework only to load a checkpoint."""

from mvd.inference.identity import ModelIdentity
from mvd.inference.models import PictureModel, open_model

__all__ = ["ModelIdentity", "PictureModel", "open_model"]
