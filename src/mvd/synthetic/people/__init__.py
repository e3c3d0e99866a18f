"""The people who are rendered: who they are, what they wear and carry, how they stand and walk."""
