"""Results of commands: frozen dataclasses of plain values, without rendering, which is in `mvd.reporting`."""
