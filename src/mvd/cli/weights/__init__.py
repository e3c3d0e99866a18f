"""The verbs for weights: import, convert, show, export, push."""
