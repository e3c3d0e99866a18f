"""Training in MindSpore: the loop, its step, and the parts of both that are MindSpore's own."""
