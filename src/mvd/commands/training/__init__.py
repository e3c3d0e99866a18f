"""Train: a run, an ablation, the demo, the benchmark; and what is tried before."""
