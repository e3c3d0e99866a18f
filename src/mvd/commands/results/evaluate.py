"""`mvd evaluate`: evaluate the weights of a run on a test set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from mvd import distributed
from mvd.commands.engine import fit_machine, machine_flags
from mvd.commands.training.rehearsal import require_savable
from mvd.config import Descriptor, Machine, RunConfig
from mvd.data.galleries.official import Permutations, load_permutations
from mvd.data.identity import fingerprint, mark_people, name_people
from mvd.data.layouts import scan
from mvd.data.pictures import Pictures, table_pictures
from mvd.data.progress import Note, Progress, silent
from mvd.data.samples import Dataset, Samples
from mvd.errors import CheckpointError, DatasetError, ProtocolError, RunError, require_choice
from mvd.files.atomic import cannot_write
from mvd.files.names import shell_words
from mvd.files.regular import is_there, real_path
from mvd.metrics.features import Features
from mvd.metrics.protocols import Draw, Protocol, protocols_of, select_protocols
from mvd.metrics.rankings import save_rankings
from mvd.metrics.rerank import Reranking
from mvd.metrics.scores import Scores, rehearse
from mvd.metrics.scores import evaluate as score
from mvd.runs import DamagedCheckpointError, RunData, RunFolder, open_run, read_meta, write_json

Weights = Literal["best", "last", "initial"]

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
    allow_trained_identities: bool = False,
    save: Path | str | None = None,
    save_top: int = 0,
    machine: Machine | None = None,
    note: Note = silent,
    progress: Progress | None = None,
) -> list[Scores]:
    """Evaluate a run on the test identities.

    The results are also written to the run folder, as `evaluation-<weights>.json`; with a descriptor other than the
    run's own, as `evaluation-<weights>-<descriptor>.json`; on a data set other than the run's, under its name and
    fingerprint, as `evaluation-<weights>-on-<name>-<fingerprint>.json`, which does not count as a test figure of the
    run. The processes of a distributed launch share the pictures.

    Args:
        path: the run folder.
        data: folder or table of the data set; by default the run's own.
        trial: RegDB's split, if the run was not trained on RegDB; otherwise the run's own.
        protocols: names of protocols, or patterns. By default the customary protocols of the data set: both directions,
            or SYSU-MM01's two searches, single-shot, with official galleries if exp/rand_perm_cam.mat exists.
        reranking: also re-rank; each re-ranked result follows the plain one.
        weights: "best": the best on validation, or the last if there is no best; "last"; or "initial".
        descriptor: the embedding of a picture, instead of the configuration's; training does not depend on it.
        allow_trained_identities: also test people whom the run was trained on; the results do not count as test figures
            of the run.
        save: a file (.npz) for the ranked list of each query with distances, per protocol and trial;
            `mvd.metrics.load_rankings` reads it and documents its content.
        save_top: length of the ranked lists in it; 0 lists the whole gallery.
        machine: framework, device, precision, workers and batch; by default the run's, if available.
        note: called with a line for the user.
        progress: called with (pictures embedded, total pictures).

    Raises:
        RunError: there is no run, or it has no such weights.
        CheckpointError: the weights are damaged, or belong to another network.
        DatasetError: the test pictures or the galleries cannot be read.
        ProtocolError: there is no such protocol, it does not fit the pictures, or the run was trained on some of the
            test people.
        ConfigError: the run's network has no such descriptor, or the suffix of `save` is not .npz, or there is no such
            choice of `weights`.
    """
    require_choice("weights", weights, get_args(Weights))
    save = None if save is None else Path(save)
    if save is not None:
        require_savable(save, save_top)
    run = open_run(Path(path))
    config, own = run.config, run.config.model.descriptor
    config = replace(config, model=replace(config.model, descriptor=descriptor or own))
    root = data_of(run, data)
    checkpoint = None if weights == "initial" else run.own_checkpoint(weights)
    with machine_flags():
        engine, config, lines = fit_machine(config, machine or Machine())
    for line in lines:
        note(line)
    with distributed.joined(config.runtime), _naming_other_checkpoints(run, checkpoint):
        with distributed.agreement():
            dataset = scan(root, trial=trial_of(run, trial))
            seen = () if weights == "initial" else trained_people(run.data, dataset, root)
            if seen and not allow_trained_identities:
                raise ProtocolError(describe_trained(run.path, run.data, dataset, seen))
            chosen, galleries = prepare_test(dataset, protocols, reranking)
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
                own_data = is_own_data(run.data, dataset, root)
                record = {
                    "weights": str(checkpoint) if checkpoint else "initial",
                    "step": read_meta(checkpoint).step if checkpoint else 0,
                    "descriptor": config.model.descriptor,
                    "data": str(real_path(root)),
                    "own": own_data and not seen,
                    "results": [result.to_dict() for result in results],
                }
                name = weights if config.model.descriptor == own else f"{weights}-{config.model.descriptor}"
                name += "-trained-identities" if seen else ""
                name += "" if own_data else f"-on-{_file_name(root)}-{fingerprint(dataset)[:8]}"
                file = run.path / f"evaluation-{name}.json"
                try:
                    write_json(file, record)
                except RunError as error:
                    # Computing the figures took minutes, so they are shown even if they cannot be saved.
                    note(f"{error}; the figures are shown, and not kept")
                else:
                    if not record["own"]:
                        note(f"{file}: kept there, since these are no test figures of the run on its own data set")
                if save is not None:
                    try:
                        save_rankings(save, features, chosen, galleries, rerankings=rankings, top=save_top)
                    except OSError as error:
                        note(f"{cannot_write(save, error)}; the figures are shown, the ranked lists not kept")
        return distributed.broadcast(results)


def data_of(run: RunFolder, given: Path | str | None) -> Path:
    """Return the place of a given data set, or of the one that a run was trained on.

    Raises:
        DatasetError: nothing is given, and the run's data set is no longer where it was.
    """
    root = Path(run.data.root if given is None else given)
    if given is None and not is_there(root):
        raise DatasetError(
            f"{root}: expected the data set that {run.path} was trained on, found nothing there; restore it, or name "
            f"its new place: --data DATA"
        )
    return root


def prepare_test(
    dataset: Dataset, patterns: Sequence[str] = (), reranking: Reranking | None = None
) -> tuple[Sequence[Protocol], Permutations | None]:
    """Choose protocols, load their galleries, and rehearse them, so that errors occur before expensive computations.

    Raises:
        DatasetError: there are no test people, or the official galleries are missing or damaged.
        ProtocolError: a pattern matches no protocol, or a protocol does not fit the pictures.
    """
    chosen = choose_protocols(dataset, patterns)
    try:
        galleries = load_galleries(dataset, chosen)
        for protocol in chosen:
            rehearse(dataset.test, protocol, galleries)
    except (DatasetError, ProtocolError) as error:
        if not any(protocol.draw is Draw.OFFICIAL for protocol in chosen):
            raise
        raise type(error)(
            f"{error}; or draw seeded galleries: --protocols 'sysu/*/single-shot/seeded', which mvd train does where "
            f"{dataset.root / PERMUTATIONS} is not there"
        ) from error
    if reranking is not None:
        # Outside the block above: its remedy, seeded galleries, does not help here, since they have the same size.
        for protocol in chosen:
            rehearse(dataset.test, protocol, galleries, reranking=reranking)
    return chosen, galleries


def choose_protocols(dataset: Dataset, patterns: Sequence[str]) -> Sequence[Protocol]:
    """Choose protocols of a data set by names or patterns; without patterns, the customary protocols.

    Raises:
        DatasetError: there are no test people.
        ProtocolError: a pattern matches no protocol.
    """
    if not len(dataset.test):
        raise DatasetError(
            f"{dataset.root}: expected people to test on, found none; name some in "
            f"{dataset.people_lists}, or train with --evaluate none"
        )
    known = protocols_of(
        dataset.name, trial=1 if dataset.trial is None else dataset.trial, cameras=bool(dataset.test.cameras.any())
    )
    if isinstance(patterns, str):  # one name, not its letters
        patterns = [patterns]
    if patterns:
        return select_protocols(known, patterns)
    if dataset.name == "sysu":
        gallery = "official" if (dataset.root / PERMUTATIONS).exists() else "seeded"
        return select_protocols(known, [f"sysu/*/single-shot/{gallery}"])
    return [protocol for protocol in known if not protocol.transposed]


def trial_of(run: RunFolder, trial: int | None = None) -> int:
    """Return the split of RegDB to scan for a run: the given one, else the run's; 1 for other data sets."""
    known = run.data.trial if trial is None else trial
    return 1 if known is None else known


def is_own_data(known: RunData, dataset: Dataset, root: Path) -> bool:
    """Return whether a run was trained on a data set: the path is the same, or the fingerprint is."""
    if dataset.name != known.dataset or dataset.trial != known.trial:
        return False
    return real_path(root) == Path(known.root) or fingerprint(dataset) == known.fingerprint


def trained_people(known: RunData, dataset: Dataset, root: Path) -> Sequence[str]:
    """Name the test people whom a run was trained on.

    People are recognised by their names if the data set has the path of the run's, and by their pictures everywhere.
    """
    named = name_people(dataset, dataset.test.people.tolist())
    pictured = mark_people(dataset, dataset.test) if known.marks else {}
    found = {pictured[mark] for mark in known.marks if mark in pictured}
    if real_path(root) == Path(known.root) and known.people:
        found |= {identity for identity, name in named.items() if name in known.people}
    elif real_path(root) == Path(known.root) and known.source is None:  # a run of 0.1.0
        found |= named.keys() & set(known.identities)
    return [name for identity, name in named.items() if identity in found]


def describe_trained(
    source: Path,
    known: RunData,
    dataset: Dataset,
    seen: Sequence[str],
    remedy: str = "mvd evaluate --allow-trained-identities tests them anyway",
) -> str:
    """Write the error about test people whom a run, or the weights in a file, was trained on."""
    if known.trial is not None and dataset.trial not in (None, known.trial):
        return (
            f"{source}: expected trial {known.trial}, which this run was trained on, found trial {dataset.trial}, "
            f"whose test people it has seen in training; leave --trial out or evaluate the run of that trial; {remedy}"
        )
    some = ", ".join(seen[:3]) + (", …" if len(seen) > 3 else "")
    return (
        f"{source}: expected test people whom it was not trained on, found {len(seen)} of "
        f"{len(dataset.test.people)} that it was trained on ({some}); restore {dataset.people_lists}; {remedy}"
    )


def _file_name(root: Path) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", real_path(root).stem)[:40]


@contextmanager
def _naming_other_checkpoints(run: RunFolder, checkpoint: Path | None) -> Iterator[None]:
    """Add to the error of a damaged checkpoint which checkpoints can be evaluated instead."""
    try:
        yield
    except DamagedCheckpointError as error:
        last = checkpoint == run.checkpoint("last")
        other = (
            f"mvd train --resume {shell_words(run.path)} goes on from the one before it" if last else "--weights last"
        )
        raise CheckpointError(f"{error}; put a copy in its place, or: {other}") from error


def load_galleries(dataset: Dataset, protocols: Sequence[Protocol]) -> Permutations | None:
    """Load the official galleries of a data set if one of the protocols needs them.

    Raises:
        DatasetError: the galleries are missing or damaged.
    """
    official = any(protocol.draw is Draw.OFFICIAL for protocol in protocols)
    return load_permutations(dataset.root / PERMUTATIONS) if official else None


def pictures_of(dataset: Dataset, samples: Samples, config: RunConfig, progress: Progress | None = None) -> Pictures:
    """Return the pictures of a table in order, resized to the run's size, optionally with progress."""
    size = config.data.height, config.data.width
    return table_pictures(dataset, samples, size, workers=config.runtime.workers, progress=progress)
