"""Check a data set: all defects at once, notes, and ignored files."""
