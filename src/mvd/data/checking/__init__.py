"""Check a data set: all defects at once, notes, and what is passed over."""
