"""Writes the model in the box: the program in ONNX with weights in half precision, and its card."""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from box_network import DESCRIPTOR, HEIGHT, WIDTH, BoxNetwork, Program
from box_pictures import Pixels
from box_testing import calibrate, embed_people, score, score_real

from mvd import __version__
from mvd.files.atomic import replacing
from mvd.inference.export import OPSET
from mvd.inference.onnx_models import annotate, describe_interface
from mvd.inference.onnx_network import OnnxNetwork
from mvd.runs import RunData

LICENCE = "Apache-2.0, code and weights"
_HALVED_FROM = 256  # numbers; smaller tensors stay in float32
_TOLERANCE = 0.999  # smallest cosine between a descriptor of the program and PyTorch's


def ship(out: Path, network: BoxNetwork, held_out: list[Pixels], facts: dict[str, Any], video: Path | None) -> None:
    """Write rendered.onnx, rendered.json and rendered.md into a folder.

    Args:
        out: the folder.
        network: what is shipped.
        held_out: rendered people to test and calibrate on.
        facts: what the card says of the training: steps, stages, pictures, minutes, threads.
        video: OpenCV's vtest.avi, if it is there, for figures on real people.

    Raises:
        SystemExit: onnxruntime gives other descriptors than PyTorch.
    """
    program = Program(network.float().eval()).eval()
    weights = {name: one.half() for name, one in network.state_dict().items()}
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + np.ascontiguousarray(weights[name].numpy()).tobytes())
    pictures = np.random.default_rng(0).integers(0, 256, (8, HEIGHT, WIDTH, 3), np.uint8)
    with torch.no_grad():
        expected = program(torch.from_numpy(pictures)).numpy()
    fingerprint = digest.hexdigest()
    card = {"name": "rendered", "fingerprint": fingerprint, "version": __version__, "licence": LICENCE} | facts
    with replacing(out / "rendered.onnx") as file:
        export(program, file)
        halve(file)
        annotate(file, {})
        written = OnnxNetwork(file)

        def embed(given: Pixels) -> npt.NDArray[np.float32]:
            return written.embed([given], np.zeros(len(given), np.int64))

        cosine = float((embed(pictures) * expected).sum(axis=1).min())
        if not cosine > _TOLERANCE:
            raise SystemExit(f"{file}: expected PyTorch's descriptors, found a cosine of {cosine:.4f} with them")
        card["held_out_people"] = sum(len(one) for one in held_out)
        seen = embed_people(embed, held_out)
        card["held_out"] = score(seen)
        if video is not None:
            card["real_crops"] = score_real(video, file)
        calibration = calibrate(seen, fingerprint)
        identities = tuple(range(1, 1 + facts["stages"][-1]["settings"]["people"]))
        data = RunData(root="rendered", prepared="", dataset="rendered", identities=identities, source="rendered")
        texts = {
            "name": "rendered",
            "fingerprint": fingerprint,
            "use": describe_interface(HEIGHT, WIDTH, inside=True, modalities=False),
            "numbers": "weights fp16, arithmetic fp32",
            "data": json.dumps(asdict(data)),
            "facts": json.dumps(card),
            "calibration": calibration.to_json(),
        }
        annotate(file, texts)
        card["bytes"] = file.stat().st_size
    with replacing(out / "rendered.json") as file:
        file.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    with replacing(out / "rendered.md") as file:
        file.write_text(describe(card), encoding="utf-8")


def describe(card: dict[str, Any]) -> str:
    """Write the card for people, in Markdown."""
    held_out, real, settings = card["held_out"], card.get("real_crops"), card["stages"][-1]["settings"]
    kinds = ("visible", "near-infrared", "thermal")
    rows = "".join(f"| {kind} | {held_out[f'{kind} rank-1']:.1%} | {held_out[f'{kind} mAP']:.1%} |\n" for kind in kinds)
    return f"""# rendered, the model in the box

An encoder of pictures of whole people, visible, near-infrared or thermal, into {DESCRIPTOR} numbers of length 1. Two
pictures are compared by their inner product.

- File: rendered.onnx, {card["bytes"] / 1e6:.1f} MB; weights in half precision, arithmetic in single. It takes uint8
  RGB pictures of {HEIGHT}×{WIDTH}.
- Network: a ResNet-18 of half width (32 to 256 channels) on the picture and its
  colour-normalised version, pooled whole and in four strips, averaged over the picture and its mirror image. Half of
  the descriptor is for colour, and zero for grey pictures, so that these are compared by the other half alone.
- Trained on rendered people only: {settings["people"]:,} of them, {card["pictures"]:,} pictures, four visible, two
  near-infrared and one thermal of each (`mvd synth --varied`). No picture of a real person, and no weights from
  elsewhere, went into it.
- Training: {card["steps"]:,} steps, {card["minutes"]:.0f} minutes on {card["threads"]} thread of a machine that others
  used, by `scripts/box/train.py`,
  {_describe_stages(card["stages"])}.
- Calibrated on the same held-out people: probabilities and thresholds of a search are those of rendered people, and not
  of yours. `mvd calibrate` learns them on pictures of your own.
- Licence: {LICENCE}.

## Figures

Rendered people whom it has not seen ({card["held_out_people"]}). The query is one picture, the gallery all visible
pictures of all of them, each by another camera in another place:

| query | rank-1 | mAP |
|---|---|---|
{rows}
{_describe_real(real)}
## What it is not good for

- No accuracy on real people is claimed beyond the test on this card: a few people in one yard on one afternoon.
- Infrared queries against visible pictures: on rendered people of this variety the right one comes first for
  {held_out["near-infrared rank-1"]:.1%} of near-infrared queries, where chance gives {1 / card["held_out_people"]:.1%}.
  Do not rely on it there; train a model on pictures of your cameras.
- It has never seen a real near-infrared or thermal picture; those rendered have made-up reflectances and temperatures.
- Grey pictures of ordinary cameras are compared as infrared ones are; name them infrared, as the pixel rule does, or
  their probabilities are too low.
- It looks at clothes, build, hair and what is carried, not at faces: it does not know a person in other clothes.
- A crop of one whole person is expected. It finds nobody in a picture.
- It must not be the only reason for a decision about a person.

A model that is trained on pictures like yours is better: `mvd train`.
"""


def _describe_stages(stages: list[dict[str, Any]]) -> str:
    """Say where it started, and whether one recipe was followed from the first step to the last."""
    before = stages[0]["from"]
    if before is not None:
        later = _describe_stages([stages[0] | {"from": None}, *stages[1:]])
        return (
            f"from the weights of an earlier model of {before['steps']:,} steps,\n  {later}.\n"
            f"  Begun from nothing, the command makes a model like this one, and not this one"
        )
    if all(stage["settings"] | {"steps": 0} == stages[0]["settings"] | {"steps": 0} for stage in stages):
        planned = "" if len(stages) == 1 else ", lengthened on the way"
        return f"seed {stages[0]['settings']['seed']}, one recipe throughout{planned}"
    first = ", ".join(f"{stage['step']:,}" for stage in stages)
    return (
        f"in {len(stages)} stages that began at the steps {first}. The recipe was\n"
        f"  changed between them (rendered.json lists how)"
    )


def _describe_real(real: dict[str, Any] | None) -> str:
    if real is None:
        return ""
    rows = "".join(f"| {name} | {' | '.join(figures)} |\n" for name, figures in real["rows"].items())
    heading = " | ".join(real["tests"])
    return f"""Real people: {real["described"]} of OpenCV's vtest.avi, `python benchmarks/real_crops.py`, rank-1 / mAP.
A match was taken at another time and place of the same yard. In "other cameras" each track has a colour cast, gamma and
resolution of its own; "grey queries" search these in grey. Nothing was trained on these crops, but they were looked at
while the recipe was being found.

| | {heading} |
|{"---|" * (len(real["tests"]) + 1)}
{rows}"""


def export(program: Program, file: Path) -> None:
    """Write the program in float32."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            program,
            (torch.zeros(2, HEIGHT, WIDTH, 3, dtype=torch.uint8),),
            str(file),
            input_names=["pictures"],
            output_names=["descriptors"],
            opset_version=OPSET,
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            verbose=False,
        )


def halve(file: Path) -> None:
    """Keep weights in float16, each cast to float32 when the program is loaded: half the bytes, the same arithmetic."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(file))
    casts = []
    for one in model.graph.initializer:
        if one.data_type == TensorProto.FLOAT and np.prod(one.dims) >= _HALVED_FROM:
            name, halved = one.name, numpy_helper.to_array(one).astype(np.float16)
            one.CopyFrom(numpy_helper.from_array(halved, f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    for node in reversed(casts):
        model.graph.node.insert(0, node)
    onnx.checker.check_model(model)
    onnx.save(model, str(file))
