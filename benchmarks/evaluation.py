"""Measures the time of evaluation: from given distances, compared with a loop over queries, and from descriptors.

    python benchmarks/evaluation.py                 the first two tables, some minutes
    python benchmarks/evaluation.py --million [Q]   instead: 20,000 queries, or Q, against 1,000,000 pictures, longer

The loop is written like common published code: an argsort of the whole matrix, then for each query the ranked labels, a
cumulative sum, and precisions in a list comprehension; for SYSU-MM01 also the distinct people in order. Both get the
same distances in the same process. The time of ours is the best of several runs, that of the loop is a single run (the
longest takes a minute). "Sorting alone" is `np.sort` of the matrix in one thread. The figures of both must agree.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from mvd.data.samples import Modality, Samples
from mvd.metrics import Counting, Exclusion, Features, Labels, TrialScores, evaluate, own_protocol, score, sysu_protocol
from mvd.metrics.distances import cosine_distance
from mvd.metrics.galleries import draw_trials
from mvd.synthetic import SYSU_MM01

T = TypeVar("T")
Floats = npt.NDArray[np.float32]


class Case(NamedTuple):
    """Distances (Q, G) with labels, and the rule that they are scored by."""

    name: str
    distances: Floats
    queries: Labels
    gallery: Labels
    exclusion: Exclusion
    counting: Counting


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--million", type=int, nargs="?", const=20_000, metavar="Q")
    million = parser.parse_args().million
    if million:
        print(against_a_million(million))
        return
    print("from given distances\n")
    print("| queries × gallery | loop, s | sorting alone | ours, s | loop / ours |")
    print("|---|---|---|---|---|")
    for make in (sysu_case, regdb_case, large_case):
        print(compare(make()), flush=True)
    print("\nend to end from descriptors, cosine distance\n")
    print(end_to_end(), flush=True)


def compare(case: Case) -> str:
    """Time one case, and make a row of the table."""
    loop, expected = timed(lambda: loop_over_queries(case), runs=1)
    sorting, _ = timed(lambda: np.sort(case.distances, axis=1), runs=3)
    ours, found = timed(
        lambda: score(case.distances, case.queries, case.gallery, exclusion=case.exclusion, counting=case.counting),
        runs=7,
    )
    require_same(found, expected)
    size = "{:,} × {:,}".format(*case.distances.shape)
    return f"| {case.name}, {size} | {loop:.2f} | 1/{loop / sorting:.0f} | {ours:.4f} | {loop / ours:.0f} |"


def end_to_end() -> str:
    """Time SYSU-MM01's all-search, ten trials, from descriptors of the published width."""
    samples = sysu_samples()
    generator = np.random.default_rng(0)
    descriptors = generator.standard_normal((len(samples), 8192), dtype=np.float32)
    descriptors += generator.standard_normal((1000, 8192), dtype=np.float32)[samples.identities]
    features = Features(descriptors=descriptors, samples=samples)
    protocol = sysu_protocol("all", "seeded")
    ours, result = timed(lambda: evaluate(features, protocol), runs=3)
    trials = draw_trials(protocol, samples)
    once, _ = timed(lambda: cosine_distance(*(descriptors[rows] for rows in trials[0])), runs=1)
    loop, _ = timed(
        lambda: [
            loop_over_queries(
                Case(
                    "",
                    1 - unit(descriptors[trial.queries]) @ unit(descriptors[trial.gallery]).T,
                    Labels.of(samples.take(trial.queries)),
                    Labels.of(samples.take(trial.gallery)),
                    protocol.exclusion,
                    protocol.counting,
                )
            )
            for trial in trials
        ],
        runs=1,
    )
    return (
        f"SYSU-MM01 all-search, {result.queries} queries, width 8192, ten trials: loop {loop:.2f} s, ours {ours:.2f} s "
        f"({loop / ours:.1f} times); the distances of a single trial take {once:.2f} s of matrix product and scaling"
    )


def against_a_million(queries: int) -> str:
    """Time queries against a million pictures, and say what memory that took."""
    gallery, people = 1_000_000, 50_000
    generator = np.random.default_rng(0)
    identities = np.concatenate([generator.integers(0, people, queries), generator.integers(0, people, gallery)])
    samples = Samples(
        paths=np.array(["picture"] * (queries + gallery)),
        identities=identities,
        cameras=np.zeros(queries + gallery, int),
        modalities=np.repeat([Modality.INFRARED, Modality.VISIBLE], [queries, gallery]),
    )
    descriptors = np.empty((queries + gallery, 512), dtype=np.float32)
    for start in range(0, len(descriptors), 1 << 14):
        rows = slice(start, min(start + (1 << 14), len(descriptors)))
        generator.standard_normal(out=descriptors[rows], dtype=np.float32)
        seeds = np.random.default_rng(1).standard_normal((64, 512), dtype=np.float32)
        descriptors[rows] += seeds[identities[rows] % 64] + seeds[identities[rows] // 64 % 64]
    features = Features(descriptors=descriptors, samples=samples)
    seconds, result = timed(lambda: evaluate(features, own_protocol("infrared-to-visible", cameras=False)), runs=1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return (
        f"\n{queries:,} × {gallery:,}, width 512: {seconds:.0f} s, peak resident memory of the whole process "
        f"{peak / 1e9:.2f} GB, of which descriptors {descriptors.nbytes / 1e9:.2f} GB; mAP {result.mean.mAP:.4f}"
    )


def loop_over_queries(case: Case) -> tuple[npt.NDArray[np.float64], float, float]:
    """Score one query after the other, as the usual codes do: CMC, mAP, mINP."""
    order = np.argsort(case.distances, axis=1)
    ranked = case.gallery.identities[order]
    matches = (ranked == case.queries.identities[:, None]).astype(np.int32)
    curves, precisions, penalties = [], [], []
    for i, (person, camera) in enumerate(zip(*case.queries, strict=True)):
        hits, people = matches[i], ranked[i]
        if case.exclusion is Exclusion.SAME_ROOM:
            keep = np.invert((camera == 3) & (case.gallery.cameras[order[i]] == 2))
            hits, people = hits[keep], people[keep]
        if not np.any(hits):
            continue
        if case.counting is Counting.PEOPLE:
            firsts = np.unique(people, return_index=True)[1]
            distinct = [people[place] for place in sorted(firsts)]
            curve = (distinct == person).astype(np.int32).cumsum()
        else:
            curve = hits.cumsum()
        curves.append(np.minimum(curve, 1)[:20])
        found = hits.cumsum()
        last = np.max(np.where(hits == 1))
        penalties.append(found[last] / (last + 1.0))
        precision = np.asarray([count / (place + 1.0) for place, count in enumerate(found)]) * hits
        precisions.append(precision.sum() / hits.sum())
    return np.mean(np.asarray(curves, dtype=np.float64), axis=0), float(np.mean(precisions)), float(np.mean(penalties))


def sysu_samples() -> Samples:
    """Make the table of a test set with SYSU-MM01's numbers of people and pictures."""
    rows = [
        (f"cam{sensor.camera}/{identity:04d}/{number:04d}.jpg", identity, sensor.camera)
        for identity in SYSU_MM01.test
        for sensor, count in sorted(SYSU_MM01.counts[identity].items())
        for number in range(1, count + 1)
    ]
    paths, identities, cameras = zip(*rows, strict=True)
    return Samples(
        paths=np.array(paths),
        identities=np.array(identities),
        cameras=np.array(cameras),
        modalities=np.where(np.isin(cameras, (3, 6)), Modality.INFRARED, Modality.VISIBLE),
    )


def sysu_case() -> Case:
    """Make all-search's 3803 × 301 distances."""
    samples = sysu_samples()
    protocol = sysu_protocol("all", "seeded")
    asking, searched = draw_trials(protocol, samples)[0]
    queries, gallery = Labels.of(samples.take(asking)), Labels.of(samples.take(searched))
    return Case("SYSU-MM01", distances(queries, gallery), queries, gallery, protocol.exclusion, protocol.counting)


def regdb_case() -> Case:
    """Make RegDB's 2060 × 2060 distances."""
    labels = Labels(np.repeat(np.arange(206), 10), np.ones(2060, int))
    return Case("RegDB", distances(labels, labels), labels, labels, Exclusion.NOTHING, Counting.PICTURES)


def large_case() -> Case:
    """Make 10,000 × 20,000 distances of 1000 people."""
    generator = np.random.default_rng(1)
    queries = Labels(generator.integers(0, 1000, 10_000), np.ones(10_000, int))
    gallery = Labels(generator.integers(0, 1000, 20_000), np.ones(20_000, int))
    return Case("large", distances(queries, gallery), queries, gallery, Exclusion.NOTHING, Counting.PICTURES)


def distances(queries: Labels, gallery: Labels) -> Floats:
    """Draw distances that are smaller for matches; in a row no two are equal, since the loop orders those by chance."""
    generator = np.random.default_rng(0)
    shape = len(queries.identities), len(gallery.identities)
    places = np.arange(shape[1], dtype=np.float32) / shape[1]
    drawn = np.empty(shape, dtype=np.float32)
    for row, identity in zip(drawn, queries.identities, strict=True):
        noise = generator.standard_normal(shape[1]) - 0.8 * (gallery.identities == identity)
        row[np.argsort(noise)] = places
    return drawn


def unit(rows: Floats) -> Floats:
    """Scale rows to length 1."""
    units: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return units


def require_same(found: TrialScores, expected: tuple[npt.NDArray[np.float64], float, float]) -> None:
    """Stop if the two sides do not agree."""
    cmc, mAP, mINP = expected
    if not (np.allclose(found.cmc, cmc, atol=1e-9) and np.allclose((found.mAP, found.mINP), (mAP, mINP), atol=1e-9)):
        raise SystemExit(f"the loop and ours disagree: {expected} and {found}")


def timed(work: Callable[[], T], *, runs: int) -> tuple[float, T]:
    """Do some work several times: the seconds of the fastest run, and what came of it."""
    best = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        outcome = work()
        best = min(best, time.perf_counter() - start)
    return best, outcome


if __name__ == "__main__":
    main()
