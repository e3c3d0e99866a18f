"""Results: list and compare runs, evaluate one, explain them in a report."""
