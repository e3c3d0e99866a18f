"""The verbs of the command line as plain functions: arguments in, results out; progress goes to an observer."""
