"""What commands return: frozen dataclasses of plain values, without rendering; `mvd.report` lays them out."""
