"""Data sets: render, check, split and prepare them, and open the training data of a run."""
