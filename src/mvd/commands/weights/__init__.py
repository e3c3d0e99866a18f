"""Weights: import a network, describe a file, export and verify programs, push to the hub."""
