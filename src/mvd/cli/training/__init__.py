"""The verbs for training: recipes, train, ablate, demo, benchmark."""
