"""Weights: import a network, describe a file, export and verify programs, upload to the hub."""
