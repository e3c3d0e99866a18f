"""The verbs of own pictures: embed, calibrate, gallery, serve."""
