"""Rank gallery pictures by how much they look like a query, with a program of `mvd export` and no PyTorch.

python examples/onnx_search.py mvd.onnx query.jpg gallery/*.jpg
"""

import sys

import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
_, height, width, _ = session.get_inputs()[0].shape


def describe(file):
    picture = Image.open(file).convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    (descriptor,) = session.run(None, {"pictures": np.asarray(picture)[None]})[0]
    return descriptor / np.linalg.norm(descriptor)


query = describe(sys.argv[2])
for score, file in sorted(((float(query @ describe(file)), file) for file in sys.argv[3:]), reverse=True):
    print(f"{score:.4f}  {file}")
