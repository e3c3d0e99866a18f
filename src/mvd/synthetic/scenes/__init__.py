"""The scenes behind the people: streets, yards, corridors and halls, drawn once for each camera."""
