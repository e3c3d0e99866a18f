"""The verbs for results: runs, evaluate, report, protocols."""
