"""Own pictures without a layout: list any files with their known metadata, and read them with their own metadata."""
