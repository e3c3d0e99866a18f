"""The verbs of training: recipes, train, ablate, demo, benchmark."""
