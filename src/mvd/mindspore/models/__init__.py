"""Networks in MindSpore: MVD, the baseline and their ResNet encoders."""
