"""Data sets: render, check, split and prepare them, and open what a run trains on."""
