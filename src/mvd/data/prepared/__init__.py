"""Prepared pictures: resized once into memory-mapped arrays beside the data set."""
