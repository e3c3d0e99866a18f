"""Parts of a report: the map of embeddings, heat maps, and queries in the direction that no protocol covers.

Shapes: N test pictures, D width of an embedding, M pictures on a map.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from mvd.commands.engine import load_engine
from mvd.commands.results.evaluate import pictures_of
from mvd.config import RunConfig
from mvd.data.samples import JUNK, Dataset, Modality
from mvd.metrics.explain import Retrieval, pick_retrievals
from mvd.metrics.features import Features
from mvd.metrics.protocols import find_protocol
from mvd.metrics.rankings import rank
from mvd.results.report import EmbeddingMap, Heatmaps

MapMethod: TypeAlias = Literal["tsne", "umap", "none"]
"""Method that maps embeddings to the plane."""

_MAP_PEOPLE, _MAP_PICTURES = 12, 10  # at most; _MAP_PICTURES is per person and modality
_HEATMAP_PEOPLE = 4
_BACKWARDS = 500  # queries at most


def embedding_map_of(  # noqa: PLR0917 - called once
    method: MapMethod,
    features: Features,
    dataset: Dataset,
    config: RunConfig,
    classes: int,
    left_out: list[str],
) -> EmbeddingMap | None:
    """Map the embeddings of some people to the plane, before and after training."""
    rows = _some_pictures(dataset)
    if method == "none":
        return None
    if len(rows) < 10:
        left_out.append(f"The map of embeddings: it needs at least 10 test pictures of identities, found {len(rows)}.")
        return None
    some = dataset.test.take(rows)
    before = load_engine(config).embed(
        config, classes, None, pictures_of(dataset, some, config), modalities=some.modalities
    )
    name = "t-SNE" if method == "tsne" else "UMAP"
    return EmbeddingMap(
        method=name, rows=rows, before=_plane(before, method), after=_plane(features.descriptors[rows], method)
    )


def _some_pictures(dataset: Dataset) -> npt.NDArray[np.int64]:
    """Choose pictures of a few people in both modalities, evenly spaced in the table's order."""
    test = dataset.test
    people = [person for person in test.people.tolist() if person != JUNK]
    chosen = [people[place] for place in np.linspace(0, len(people) - 1, min(_MAP_PEOPLE, len(people))).astype(int)]
    rows: list[int] = []
    for person in chosen:
        for modality in Modality:
            own = np.flatnonzero((test.identities == person) & (test.modalities == modality))
            rows += own[:: max(1, -(-len(own) // _MAP_PICTURES))].tolist()
    return np.array(sorted(rows), dtype=np.int64)


def _plane(embeddings: npt.NDArray[np.float32], method: MapMethod) -> npt.NDArray[np.float64]:
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True).clip(1e-12)
    if method == "umap":
        import umap

        layout = umap.UMAP(metric="cosine", random_state=0, n_neighbors=min(15, len(unit) - 1), n_jobs=1)
    else:
        from sklearn.manifold import TSNE

        layout = TSNE(metric="cosine", init="random", random_state=0, perplexity=min(30.0, (len(unit) - 1) / 3))
    return np.asarray(layout.fit_transform(unit), dtype=np.float64)


def heatmaps_of(
    config: RunConfig, classes: int, checkpoint: Path, dataset: Dataset, left_out: list[str]
) -> Heatmaps | None:
    """Compute heat maps of the similarity between a person's visible and infrared picture, for a few people."""
    if config.framework != "pytorch":
        left_out.append(
            f"Heat maps: they need gradients, which are computed by PyTorch only, not by {config.framework}."
        )
        return None
    from mvd.inference.heatmaps import heatmaps

    test = dataset.test
    rows: list[int] = []
    for person in test.people.tolist():
        of = [np.flatnonzero((test.identities == person) & (test.modalities == modality)) for modality in Modality]
        if person != JUNK and all(len(found) for found in of) and len(rows) < 2 * _HEATMAP_PEOPLE:
            rows += [int(found[len(found) // 2]) for found in of]
    if not rows:
        left_out.append("Heat maps: no test person has pictures of both modalities.")
        return None
    some = test.take(np.array(rows))
    batch = pictures_of(dataset, some, config).read_range(0, len(some))
    partners = [row ^ 1 for row in range(len(rows))]
    maps = heatmaps(config, classes, checkpoint, np.asarray(batch), partners, [int(one) for one in some.modalities])
    return Heatmaps(rows=np.array(rows), maps=maps)


def look_backwards(features: Features) -> list[Retrieval]:
    """Choose visible queries with their infrared results, for data sets whose protocols search only the other way.

    All visible pictures are compared with all infrared pictures, as in `own/visible-to-infrared`, with at most 500
    queries.
    """
    samples = features.samples
    queries, gallery = (np.flatnonzero(samples.modalities == modality) for modality in Modality)
    queries = queries[samples.identities[queries] != JUNK]
    if not len(queries) or not len(gallery):
        return []
    rows = np.concatenate([queries[:: -(-len(queries) // _BACKWARDS)], gallery])
    some = Features(descriptors=features.descriptors[rows], samples=samples.take(rows))
    lists = rank(some, find_protocol("own/visible-to-infrared"))[0]
    return [
        replace(
            one,
            query=int(rows[one.query]),
            nearest=tuple(found._replace(row=int(rows[found.row])) for found in one.nearest),
        )
        for one in pick_retrievals(lists, some.samples)
    ]
