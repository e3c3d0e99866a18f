"""The verbs of results: runs, evaluate, report, protocols."""
