"""The verbs of weights: import, convert, show, export, push."""
