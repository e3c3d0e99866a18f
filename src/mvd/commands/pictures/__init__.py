"""Commands for the user's own pictures: embedding, calibration, galleries."""
