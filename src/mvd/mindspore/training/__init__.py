"""Training in MindSpore: the loop, the step, and their MindSpore-specific parts."""
