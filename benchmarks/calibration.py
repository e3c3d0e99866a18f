"""Measures what a projection costs, and how well a calibration holds on people whom nobody has seen.

Usage: python benchmarks/calibration.py MODEL DATA UNSEEN

MODEL is what `mvd.open_model` takes, without a projection. On the training people of DATA projections are learnt, on
its held-out people calibrations; both are tested on the test people of UNSEEN, another data set.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mvd.data.layouts import scan
from mvd.data.pictures import PictureFiles
from mvd.data.samples import Dataset, Samples, concatenate
from mvd.inference import PictureModel
from mvd.inference.models import open_whole
from mvd.metrics import Features, evaluate, sysu_protocol
from mvd.metrics.calibration import learn_calibration
from mvd.metrics.calibration.check import check_calibration, expected_error
from mvd.metrics.calibration.pair_statistics import PLACES, pair_name, pair_statistics
from mvd.metrics.projection import learn_projection

_CHUNK = 256
_RATES = (0.01, 0.05, 0.1, 0.2)


class Embedded(NamedTuple):
    """Pictures and their embeddings."""

    vectors: npt.NDArray[np.float32]
    samples: Samples

    @property
    def columns(
        self,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """What is calibrated on."""
        return self.vectors, self.samples.identities, self.samples.modalities, self.samples.cameras


def main() -> None:
    """Measure, and print three tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("unseen", type=Path)
    given = parser.parse_args()
    model = open_whole(given.model)
    data, unseen = scan(given.data), scan(given.unseen)
    trained = embed(model, data, data.train)
    held_out = embed(model, data, concatenate([data.validation, data.test]))
    tested = embed(model, unseen, unseen.test)
    projections(trained, tested)
    calibrations(held_out, tested)


def embed(model: PictureModel, dataset: Dataset, samples: Samples) -> Embedded:
    """Embed pictures."""
    height, width = model.size
    files = PictureFiles(root=dataset.root, paths=samples.paths.tolist(), height=height, width=width)
    parts, done = [], 0
    for chunk in files.batches(_CHUNK):
        parts.append(model(chunk, samples.modalities[done : done + len(chunk)]))
        done += len(chunk)
    return Embedded(np.concatenate(parts), samples)


def projections(trained: Embedded, tested: Embedded) -> None:
    """Print mAP and rank-1 of projections."""
    protocol = sysu_protocol("all", "seeded")

    def row(label: str, vectors: npt.NDArray[np.float32], kept: str) -> None:
        mean = evaluate(Features(descriptors=vectors, samples=tested.samples), protocol).mean
        print(f"| {label} | {vectors.shape[1]} | {kept} | {mean.mAP:.1%} | {mean.rank_1:.1%} |", flush=True)

    people = len(trained.samples.people)
    print(f"{len(trained.vectors)} training pictures of {people} people; {protocol.name}")
    print("| projection | width | variance kept | mAP | rank-1 |\n|---|---|---|---|---|")
    row("none", tested.vectors, "100%")
    for share in (2, 4, 8, 16):
        width = tested.vectors.shape[1] // share
        for whitening in (0.0, 0.5, 1.0):
            for centred in (True, False):
                found = learn_projection(trained.vectors, width, whitening=whitening, centred=centred)
                label = f"whitening {whitening:g}{'' if centred else ', not centred'}"
                row(label, found(tested.vectors), f"{found.kept:.1%}")


def calibrations(held_out: Embedded, tested: Embedded) -> None:
    """Print the calibration's error, and what its thresholds did."""
    calibration = learn_calibration(*held_out.columns, model="", data="")
    checks = check_calibration(calibration, *tested.columns, rates=_RATES)
    print(f"learnt on {calibration.people} people, {len(held_out.vectors)} pictures")
    print("| query-gallery | people | queries | error, prior 1/2 | error, prior 1/people |\n|---|---|---|---|---|")
    for (query, gallery), found in pair_statistics(*tested.columns).items():
        check = checks[pair_name(query, gallery)]
        prior = 1 / found.people
        stated = calibration.probability(PLACES, query, gallery, prior=prior)
        rare = expected_error(stated, found.same, found.other, prior=prior)
        name = pair_name(query, gallery)
        print(f"| {name} | {check.people} | {check.queries} | {check.error:.4f} | {rare:.4f} |")
    print("| query-gallery | stated alarms | threshold | alarms | found | first |\n|---|---|---|---|---|---|")
    for name, check in checks.items():
        for one in check.detections:
            shares = " | ".join(f"{share:.1%}" for share in (one.alarms, one.found, one.first))
            print(f"| {name} | {one.stated:.0%} | {one.threshold:.3f} | {shares} |")


if __name__ == "__main__":
    main()
