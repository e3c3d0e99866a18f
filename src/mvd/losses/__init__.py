"""The losses of MVD: small pure functions of tensors, and the objective that adds them up by name."""
