"""Embeddings of pictures in MindSpore, and its MindIR programs."""
