"""One's own pictures: embeddings, calibration, galleries."""
