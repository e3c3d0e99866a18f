"""The verbs for data sets: render, check, split, prepare."""
