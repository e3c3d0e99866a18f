"""`mvd evaluate`: the weights of a run and a test set into figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from mvd.backends import load_backend
from mvd.config import RunConfig
from mvd.data.images import PictureFiles
from mvd.data.layouts.sysu import scan_sysu
from mvd.data.permutations import Permutations, load_permutations
from mvd.data.samples import Samples
from mvd.evaluation.features import Features
from mvd.evaluation.protocols import sysu_protocol
from mvd.evaluation.results import Result
from mvd.evaluation.results import evaluate as score
from mvd.runs import RunFolder, open_run, write_atomically

Search = Literal["all", "indoor"]
Galleries = Literal["auto", "official", "seeded"]
Weights = Literal["best", "last", "initial"]
Progress = Callable[[int, int], None]

PERMUTATIONS = Path("exp") / "rand_perm_cam.mat"


def evaluate(
    path: Path,
    *,
    data: Path | None = None,
    searches: Sequence[Search] = ("all", "indoor"),
    galleries: Galleries = "auto",
    shots: Literal[1, 10] = 1,
    weights: Weights = "best",
    progress: Progress | None = None,
) -> list[Result]:
    """Evaluate a run on the test identities.

    The results are also written to the run folder, as `evaluation-<weights>.json`.

    Args:
        path: the run folder.
        data: the data set's folder, where it is not the one that the run was trained on.
        searches: SYSU-MM01's searches, a result each.
        galleries: "official" takes `exp/rand_perm_cam.mat`, "seeded" draws with a seed for each trial; "auto" takes
            the official ones where that file is there.
        shots: gallery pictures for each identity and camera.
        weights: the run's best, by validation, or its last where there is no best; its last; or those it began with.
        progress: called with (pictures embedded, pictures in all).

    Raises:
        RunError: there is no run, or no such weights in it.
        DatasetError: the test pictures or the galleries cannot be read.
        ProtocolError: the protocol does not fit the pictures.
    """
    run = open_run(path)
    root = data or Path(run.data.root)
    test = scan_sysu(root).test
    permutations = _permutations(root, galleries)
    protocols = [sysu_protocol(search, "official" if permutations else "seeded", shots) for search in searches]
    checkpoint = _checkpoint(run, weights)
    config = run.config
    descriptors = load_backend(config).embed(
        config, len(run.data.identities), checkpoint, _pictures(root, test, config, progress)
    )
    features = Features(descriptors=descriptors, samples=test)
    results = [score(features, protocol, permutations) for protocol in protocols]
    record = {
        "weights": str(checkpoint) if checkpoint else "initial",
        "data": str(root.resolve()),
        "results": [result.to_dict() for result in results],
    }
    write_atomically(run.path / f"evaluation-{weights}.json", json.dumps(record, indent=2) + "\n")
    return results


def _permutations(root: Path, galleries: Galleries) -> Permutations | None:
    file = root / PERMUTATIONS
    if galleries == "seeded" or (galleries == "auto" and not file.exists()):
        return None
    return load_permutations(file)


def _checkpoint(run: RunFolder, weights: Weights) -> Path | None:
    match weights:
        case "best":
            return run.best_checkpoint
        case "last":
            return run.checkpoint("last")
        case "initial":
            return None


def _pictures(
    root: Path, samples: Samples, config: RunConfig, progress: Progress | None
) -> Iterator[npt.NDArray[np.uint8]]:
    files = PictureFiles(
        root=root,
        paths=samples.paths.tolist(),
        height=config.data.height,
        width=config.data.width,
        workers=config.runtime.workers,
    )
    done = 0
    for batch in files.batches(config.runtime.embed_batch):
        yield batch
        done += len(batch)
        if progress is not None:
            progress(done, len(files))
