"""Training: a run, an ablation, the demo, the benchmark; and the checks before them."""
