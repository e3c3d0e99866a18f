"""A page on this machine to search a gallery: `mvd serve`."""
