"""The background scenes: streets, yards, corridors and halls, drawn once per camera."""
