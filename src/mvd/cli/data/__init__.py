"""The verbs of data sets: render, check, split, prepare."""
