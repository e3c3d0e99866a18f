"""Rank gallery pictures by how much they look like a query, with a program of `mvd export` and no PyTorch.

python examples/onnx_search.py mvd.onnx query.jpg gallery/*.jpg
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

if len(sys.argv) < 4:
    sys.exit(__doc__)
if not Path(sys.argv[1]).is_file():
    sys.exit(f"{sys.argv[1]}: expected a program of mvd export, found no file; check the path")
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
_, height, width, _ = session.get_inputs()[0].shape
FORMATS = ["JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP"]


def to_rgb(picture):  # as mvd does, see "Picture files" in docs/datasets.md
    if picture.mode[0] in "IF":  # more than eight bits
        levels = np.asarray(picture)
        low, high = np.percentile(levels, (0.5, 99.5))
        levels = np.rint(np.clip((levels - low) / max(high - low, 1e-30), 0, 1) * 255)
        picture = Image.fromarray(levels.astype(np.uint8))
    return picture.convert("RGB")


def describe(file):
    if not Path(file).is_file():  # nor a pipe, which may never answer
        sys.exit(f"{file}: expected a picture file, found none; check the path")
    with Image.open(file, formats=FORMATS) as opened:
        picture = to_rgb(ImageOps.exif_transpose(opened)).resize((width, height), Image.Resampling.LANCZOS)
    (descriptor,) = session.run(None, {"pictures": np.asarray(picture)[None]})[0]
    return descriptor / np.linalg.norm(descriptor)


query = describe(sys.argv[2])
for score, file in sorted(((float(query @ describe(file)), file) for file in sys.argv[3:]), reverse=True):
    print(f"{score:.4f}  {file}")
