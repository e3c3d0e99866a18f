"""`mvd evaluate`: the weights of a run and a test set into figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from mvd import distributed
from mvd.commands.engine import load_engine
from mvd.config import Descriptor, RunConfig
from mvd.data.layouts import scan
from mvd.data.official_galleries import Permutations, load_permutations
from mvd.data.pictures import PictureFiles, Pictures, ProgressPictures
from mvd.data.samples import Dataset, Samples
from mvd.errors import CheckpointError, DatasetError, ProtocolError
from mvd.metrics.features import Features
from mvd.metrics.protocols import Draw, Protocol, protocols_of, select_protocols
from mvd.metrics.rerank import Reranking
from mvd.metrics.scores import Scores
from mvd.metrics.scores import evaluate as score
from mvd.runs import DamagedCheckpointError, RunFolder, open_run, read_meta, write_json

Weights = Literal["best", "last", "initial"]
Progress = Callable[[int, int], None]

PERMUTATIONS = Path("exp") / "rand_perm_cam.mat"


def evaluate(
    path: Path | str,
    *,
    data: Path | str | None = None,
    trial: int | None = None,
    protocols: Sequence[str] = (),
    reranking: Reranking | None = None,
    weights: Weights = "best",
    descriptor: Descriptor | None = None,
    progress: Progress | None = None,
) -> list[Scores]:
    """Evaluate a run on the test identities.

    The results are also written to the run folder, as `evaluation-<weights>.json`; with another descriptor than the
    run's own, as `evaluation-<weights>-<descriptor>.json`. The processes of a launch share the pictures.

    Args:
        path: the run folder.
        data: the data set's folder or table, where it is not the one that the run was trained on.
        trial: RegDB's split, where the run was not trained on RegDB; else it is the run's own.
        protocols: names of protocols, or patterns; none means the customary ones of the data set: both directions, or
            SYSU-MM01's two searches, single-shot, with official galleries where exp/rand_perm_cam.mat exists.
        reranking: re-rank too; a result of its own after each plain one.
        weights: the run's best, by validation, or its last where there is no best; its last; or the initial ones.
        descriptor: the embedding of a picture, where it is not the configuration's; training does not depend on it.
        progress: called with (pictures embedded, pictures in all).

    Raises:
        RunError: there is no run, or no such weights in it.
        CheckpointError: the weights are damaged, or of another network.
        DatasetError: the test pictures or the galleries cannot be read.
        ProtocolError: there is no such protocol, it does not fit the pictures, or the trial is not the run's.
        ConfigError: the run's network has no such descriptor.
    """
    run = open_run(Path(path))
    config, own = run.config, run.config.model.descriptor
    config = replace(config, model=replace(config.model, descriptor=descriptor or own))
    root = Path(run.data.root if data is None else data)
    engine, checkpoint = load_engine(config), _checkpoint(run, weights)
    with distributed.joined(config.runtime), _naming_other_checkpoints(run, checkpoint):
        with distributed.agreement():
            dataset = scan(root, trial=_trial(run, trial))
            _require_own_trial(run, dataset)
            chosen = choose_protocols(dataset, protocols)
            galleries = load_galleries(dataset, chosen)
        embeddings = engine.embed(
            config,
            len(run.data.identities),
            checkpoint,
            pictures_of(dataset, dataset.test, config, progress),
            modalities=dataset.test.modalities,
        )
        results: list[Scores] = []
        with distributed.agreement():
            if distributed.is_first():
                features = Features(descriptors=embeddings, samples=dataset.test)
                rankings = (None,) if reranking is None else (None, reranking)
                results = [score(features, one, galleries, reranking=how) for one in chosen for how in rankings]
                record = {
                    "weights": str(checkpoint) if checkpoint else "initial",
                    "step": read_meta(checkpoint).step if checkpoint else 0,
                    "descriptor": config.model.descriptor,
                    "data": str(root.resolve()),
                    "results": [result.to_dict() for result in results],
                }
                name = weights if config.model.descriptor == own else f"{weights}-{config.model.descriptor}"
                write_json(run.path / f"evaluation-{name}.json", record)
        return distributed.broadcast(results)


def choose_protocols(dataset: Dataset, patterns: Sequence[str]) -> Sequence[Protocol]:
    """Choose protocols of a data set by name or pattern, or the customary ones where there are no patterns.

    Raises:
        DatasetError: there are no test people.
        ProtocolError: a pattern fits no protocol.
    """
    if not len(dataset.test):
        raise DatasetError(
            f"{dataset.root}: expected people to test on, found none; name some in {dataset.people_lists}"
        )
    known = protocols_of(dataset.name, trial=dataset.trial or 1, cameras=bool(dataset.test.cameras.any()))
    if patterns:
        return select_protocols(known, patterns)
    if dataset.name == "sysu":
        gallery = "official" if (dataset.root / PERMUTATIONS).exists() else "seeded"
        return select_protocols(known, [f"sysu/*/single-shot/{gallery}"])
    return [protocol for protocol in known if not protocol.transposed]


def _trial(run: RunFolder, trial: int | None) -> int:
    return trial or run.data.trial or 1


def _require_own_trial(run: RunFolder, dataset: Dataset) -> None:
    """Refuse to test on another split of RegDB than the run was trained on: half of its people were trained on."""
    trained = run.data.trial
    if trained is not None and dataset.trial is not None and trained != dataset.trial:
        raise ProtocolError(
            f"{run.path}: expected trial {trained}, which this run was trained on, found trial {dataset.trial}, "
            f"whose test people it has seen in training; leave --trial away, or evaluate the run of that trial"
        )


@contextmanager
def _naming_other_checkpoints(run: RunFolder, checkpoint: Path | None) -> Iterator[None]:
    """Say what can be evaluated instead where a checkpoint is damaged."""
    try:
        yield
    except DamagedCheckpointError as error:
        last = checkpoint == run.checkpoint("last")
        other = f"mvd train --resume {run.path} goes on from the one before it" if last else "--weights last"
        raise CheckpointError(f"{error}; put a copy in its place, or: {other}") from error


def _checkpoint(run: RunFolder, weights: Weights) -> Path | None:
    match weights:
        case "best":
            return run.best_checkpoint
        case "last":
            return run.checkpoint("last")
        case "initial":
            return None


def load_galleries(dataset: Dataset, protocols: Sequence[Protocol]) -> Permutations | None:
    """Load the official galleries of a data set where one of the protocols needs them.

    Raises:
        DatasetError: they are missing or damaged.
    """
    official = any(protocol.draw is Draw.OFFICIAL for protocol in protocols)
    return load_permutations(dataset.root / PERMUTATIONS) if official else None


def pictures_of(dataset: Dataset, samples: Samples, config: RunConfig, progress: Progress | None = None) -> Pictures:
    """Give pictures in the order of their table, resized as a run has them, with progress where it is asked for."""
    files = PictureFiles(
        root=dataset.root,
        paths=samples.paths.tolist(),
        height=config.data.height,
        width=config.data.width,
        workers=config.runtime.workers,
        upright=dataset.upright,
    )
    return files if progress is None else ProgressPictures(files, progress)
