"""The terminal: output that never fails, styles of tables, progress bars, Ctrl-C."""
