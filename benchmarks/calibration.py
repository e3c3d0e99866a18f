"""Measures the loss of accuracy by a projection, and the accuracy of a calibration on unseen people.

Usage: python benchmarks/calibration.py MODEL DATA UNSEEN [--tables projections calibrations cameras]
                                        [--widths 512 256] [--whitening 0] [--pictures 1536]

MODEL is an argument of `mvd.open_model`, without a projection. Projections are learnt on the training people of DATA,
calibrations on its held-out people; both are tested on the test people of UNSEEN, another data set. "cameras" learns on
decreasing numbers of people, and compares the error of calibrations per pair of cameras with those per pair of
modalities.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
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
_FEW = (5, 10, 20, 30, 50)  # people to learn on
_DRAWS = 5  # of them


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
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("unseen", type=Path)
    tables = ("projections", "calibrations", "cameras")
    parser.add_argument("--tables", nargs="+", choices=tables, default=tables[:2])
    parser.add_argument("--widths", nargs="+", type=int, help="of projections; by default a half to a sixteenth")
    parser.add_argument("--whitening", nargs="+", type=float, default=(0.0, 0.5, 1.0))
    parser.add_argument("--pictures", type=int, default=0, help="to learn projections on, evenly spread; 0: all")
    given = parser.parse_args()
    model = open_whole(given.model)
    data, unseen = scan(given.data), scan(given.unseen)
    tested = embed(model, unseen, unseen.test)
    if "projections" in given.tables:
        widths = given.widths or [tested.vectors.shape[1] // share for share in (2, 4, 8, 16)]
        count = len(data.train)
        rows = np.linspace(0, count - 1, min(given.pictures or count, count)).round().astype(np.int64)
        projections(embed(model, data, data.train.take(rows)), tested, widths, given.whitening)
    if {"calibrations", "cameras"} & {*given.tables}:
        held_out = embed(model, data, concatenate([data.validation, data.test]))
        if "calibrations" in given.tables:
            calibrations(held_out, tested)
        if "cameras" in given.tables:
            cameras(held_out, tested)


def embed(model: PictureModel, dataset: Dataset, samples: Samples) -> Embedded:
    """Embed pictures."""
    height, width = model.size
    files = PictureFiles(root=dataset.root, paths=samples.paths.tolist(), height=height, width=width)
    parts, done = [], 0
    for chunk in files.batches(_CHUNK):
        parts.append(model(chunk, samples.modalities[done : done + len(chunk)]))
        done += len(chunk)
    return Embedded(np.concatenate(parts), samples)


def projections(trained: Embedded, tested: Embedded, widths: Sequence[int], whitenings: Sequence[float]) -> None:
    """Print mAP and rank-1 of projections."""
    protocol = sysu_protocol("all", "seeded")

    def row(label: str, vectors: npt.NDArray[np.float32], kept: str) -> None:
        mean = evaluate(Features(descriptors=vectors, samples=tested.samples), protocol).mean
        print(f"| {label} | {vectors.shape[1]} | {kept} | {mean.mAP:.1%} | {mean.rank_1:.1%} |", flush=True)

    people = len(trained.samples.people)
    print(f"{len(trained.vectors)} training pictures of {people} people; {protocol.name}")
    print("| projection | width | variance kept | mAP | rank-1 |\n|---|---|---|---|---|")
    row("none", tested.vectors, "100%")
    for width in widths:
        for whitening in whitenings:
            for centred in (True, False) if len(whitenings) > 1 else (True,):
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


def cameras(held_out: Embedded, tested: Embedded) -> None:
    """Print the errors of calibrations by camera and by modality, learnt on fewer and fewer people."""
    everybody = held_out.samples.people
    print(
        "| people | query-gallery | pairs of cameras | error, by camera | error, by modality |\n|---|---|---|---|---|"
    )
    for count in (*(few for few in _FEW if few < len(everybody)), len(everybody)):
        drawn: dict[str, list[tuple[int, float, float]]] = {}
        for draw in range(_DRAWS if count < len(everybody) else 1):
            some = np.random.default_rng(draw).choice(everybody, count, replace=False)
            chosen = np.isin(held_out.samples.identities, some)
            columns = [column[chosen] for column in held_out.columns]
            calibration = learn_calibration(*columns, model="", data="", enough=count)
            for name, check in check_calibration(calibration, *tested.columns).items():
                if (found := check.cameras) is not None:
                    drawn.setdefault(name, []).append((found.pairs, found.error, found.shared))
        for name, rows in drawn.items():
            pairs, own, shared = np.mean(rows, axis=0)
            print(f"| {count} | {name} | {pairs:.0f} | {own:.2%} | {shared:.2%} |", flush=True)


if __name__ == "__main__":
    main()
