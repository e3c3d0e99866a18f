"""Inference in MindSpore: embed pictures, export to MindIR."""
