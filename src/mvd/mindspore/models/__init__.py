"""Networks in MindSpore: MVD, the baseline, their ResNet encoders."""
