"""Search in a gallery: by pictures of a person, or by rows that show one, for ranked rows with probabilities."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from mvd.commands.pictures.gallery_pictures import embed_pictures, list_sources, require_model
from mvd.commands.pictures.gallery_session import Session
from mvd.data.images import to_rgb
from mvd.data.own.listing import list_pictures
from mvd.data.own.reading import guess_modality
from mvd.data.samples import Modality, modality_of
from mvd.errors import ConfigError, require_choice
from mvd.files.several import several
from mvd.gallery.columns import ROW, VECTOR
from mvd.gallery.exact import batch_vectors
from mvd.gallery.filters import Filter, any_of
from mvd.gallery.search import Combine, combine, decide, find
from mvd.gallery.stats import describe_unmet
from mvd.gallery.table import PictureTable
from mvd.inference import PictureModel
from mvd.inference.pixels import to_pixels
from mvd.metrics.rerank import Reranking
from mvd.results.embeddings import Embeddings
from mvd.results.gallery import Answer

Query: TypeAlias = str | Path | Embeddings | Image.Image


class _Asked(NamedTuple):
    """Embedded queries.

    Attributes:
        vectors: (Q, D), L2-normalised.
        modalities: Q modalities.
        hashes: Q hashes of the pictures' bytes.
        cameras: Q names, None if unknown.
    """

    vectors: npt.NDArray[np.float32]
    modalities: tuple[int, ...]
    hashes: tuple[str, ...]
    cameras: tuple[str | None, ...]


class Searching(Session):
    """A gallery that can be searched; a base of `mvd.commands.pictures.gallery.Gallery`."""

    def search(
        self,
        queries: Query | Sequence[Query] = (),
        *,
        like: str | Sequence[str] = (),
        modality: Modality | Literal["visible", "infrared"] | None = None,
        camera: str | None = None,
        only: Filter | None = None,
        top: int = 10,
        combining: Combine = "mean",
        rerank: bool = False,
        group_seconds: float = 10,
        false_alarms: float = 0.01,
    ) -> Answer:
        """Search for a person.

        Args:
            queries: pictures of one person: files, PIL images, files of embeddings, or `Embeddings`.
            like: identifiers of rows that show the person, or one.
            modality: modality of the queries; None uses the folder's name, or guesses from the pixels.
            camera: camera of the queries, by its name in the gallery, for queries without one in a table or in
                embeddings. If all queries are from one camera, and the model is calibrated for it and a result's
                camera, that result's probability and threshold are those of the pair of cameras.
            only: filter for the rows to search.
            top: number of results.
            combining: how to combine several pictures.
            rerank: re-rank the nearest pictures by k-reciprocal neighbours.
            group_seconds: show only the best of pictures that one camera took within this many seconds; 0 shows all.
            false_alarms: fraction of people not in the gallery for whom a picture may pass the threshold.

        Raises:
            GalleryError: the gallery does not exist, or has another model.
            DatasetError: a query is not a picture.
        """
        if not 0 < false_alarms < 1:
            raise ConfigError(f"false-alarms: expected a share between 0 and 1, found {false_alarms:g}")
        if not 1 <= top <= 10_000:
            raise ConfigError(f"top: expected 1 to 10,000 results, found {top}")
        require_choice("combining", combining, get_args(Combine))
        like = several(like)
        self._settle()
        asked = _embed_queries(self._open_model, self.table, queries, modality, camera)
        model = self.table.settings.model
        with self._reading() as table:
            require_model(self.place, table.settings.model, model, model.name)
            liked = self._like(like)
            vectors = combine(np.concatenate([asked.vectors, liked.vectors]), combining)
            modalities, cameras = (*asked.modalities, *liked.modalities), {*asked.cameras, *liked.cameras}
            query_camera = cameras.pop() if len(cameras) == 1 else None
            where = (only or Filter()).condition()
            assert self._exact is not None
            found = find(
                table,
                self._exact,
                vectors,
                where=where,
                top=top,
                group_seconds=group_seconds,
                reranking=Reranking() if rerank else None,
                without=frozenset((*asked.hashes, *liked.hashes)),
                exact_rows=self._exact_rows,
            )
            notes = list(found.notes)
            if not found.rows and only is not None:
                notes += describe_unmet(table, only)
            calibration = self._calibration(notes)
            by_camera = query_camera is not None and calibration is not None and bool(calibration.cameras)
            hits, known, people = decide(
                found,
                calibration,
                modalities,
                people=lambda: self._count_people(where),
                gallery_cameras=lambda: self._count_pictures(where, by_camera=by_camera),
                query_camera=query_camera,
                false_alarms=false_alarms,
            )
            if calibration is not None and known is None and hits:
                notes.append("no probabilities: the model is not calibrated for these modalities together")
            if calibration is not None and known is not None and query_camera is not None:
                own = [
                    calibration.covers(modalities[0], one.modality, cameras=(query_camera, one.camera))
                    for one in found.entries
                ]
                notes += _describe_cameras(own, camera)
            self._log.append(
                "search",
                queries=[*asked.hashes, *liked.hashes],
                condition=self._salted(where),
                rows=[hit.entry.row for hit in hits],
                known=known,
            )
        return Answer(
            hits=hits,
            known=known,
            false_alarms=false_alarms,
            rows=found.rows,
            people=people,
            method=found.method,
            notes=tuple(notes),
        )

    def embed(
        self, queries: Query | Sequence[Query], *, modality: Modality | Literal["visible", "infrared"] | None = None
    ) -> Embeddings:
        """Embed pictures of one person with the gallery's model, to search with them repeatedly.

        Args:
            queries: as for `search`.
            modality: modality of the pictures; None uses the folder's name, or guesses from the pixels.

        Raises:
            GalleryError: the gallery does not exist, or has another model.
            DatasetError: a query is not a picture.
        """
        self.table.refresh()
        asked = _embed_queries(self._open_model, self.table, queries, modality)
        count = len(asked.hashes)
        return Embeddings(
            model=self.table.settings.model,
            paths=("query",) * count,
            hashes=asked.hashes,
            modalities=np.array(asked.modalities, np.int64),
            modality_sources=("pixels" if modality is None else "flag",) * count,
            modality_confidences=np.ones(count, np.float32),
            cameras=asked.cameras,
            times=np.full(count, "NaT", "datetime64[us]"),
            identities=(None,) * count,
            tags=((),) * count,
            vectors=asked.vectors,
        )

    def compare(self, query: Embeddings, row: str) -> tuple[float, int]:
        """Return the similarity of a row to the mean of a query's pictures, and the row's modality.

        Raises:
            GalleryError: the row does not exist, or the query is of another model.
        """
        with self._reading() as table:
            require_model(self.place, table.settings.model, query.model, query.model.name)
            liked = self._like([row])
        return float(combine(query.vectors, "mean")[0] @ liked.vectors[0]), int(liked.modalities[0])

    def _like(self, names: Sequence[str]) -> _Asked:
        """Load rows of the gallery as queries."""
        width = self.table.settings.model.width
        if not names:
            return _Asked(np.zeros((0, width), np.float32), (), (), ())
        found = self.table.read(["hash", "modality", "camera", VECTOR], any_of(ROW, self._names(names)))
        return _Asked(
            batch_vectors(found, width),
            tuple(found.column("modality").to_pylist()),
            tuple(found.column("hash").to_pylist()),
            tuple(found.column("camera").to_pylist()),
        )


def _embed_queries(
    open_model: Callable[[], PictureModel],
    table: PictureTable,
    queries: Query | Sequence[Query],
    modality: Modality | Literal["visible", "infrared"] | None,
    camera: str | None = None,
) -> _Asked:
    """Embed queries with the gallery's model.

    Args:
        open_model: loads the model; called only if there are pictures.
        table: the gallery.
        queries: pictures of one person, or embeddings.
        modality: modality of the pictures; None uses the folder's name, or guesses from the pixels.
        camera: name of the camera, for queries without one in a table or in embeddings.

    Raises:
        DatasetError: a file is not a picture.
        GalleryError: embeddings are of another model.
    """
    given = several(queries)
    modality = None if modality is None else modality_of(modality)
    identity = table.settings.model
    parts = [_Asked(np.zeros((0, identity.width), np.float32), (), (), ())]
    paths, ready = list_sources([one for one in given if not isinstance(one, Image.Image)])
    for one in ready:
        require_model(str(table.place), identity, one.model, one.model.name)
    if paths:
        ready += embed_pictures(open_model(), list_pictures(paths, modality), None)
    parts += [
        _Asked(one.vectors, tuple(one.modalities.tolist()), one.hashes, tuple(name or camera for name in one.cameras))
        for one in ready
    ]
    for picture in given:
        if isinstance(picture, Image.Image):
            pixels = to_pixels(picture, identity.size)  # as files are read, so that the guess is the same
            told = guess_modality(pixels[0]).modality if modality is None else modality
            content = hashlib.sha256(to_rgb(picture).tobytes()).hexdigest()
            parts.append(_Asked(open_model()(pixels, [int(told)]), (int(told),), (content,), (camera,)))
    return _Asked(
        np.concatenate([part.vectors for part in parts]),
        tuple(one for part in parts for one in part.modalities),
        tuple(one for part in parts for one in part.hashes),
        tuple(one for part in parts for one in part.cameras),
    )


def _describe_cameras(own: Sequence[bool], named: str | None) -> list[str]:
    """Describe for how many results probabilities are those of a pair of cameras.

    Args:
        own: for each result, whether its pair of cameras is calibrated.
        named: the query's camera, if the user gave it.

    >>> _describe_cameras([True, False], None)
    ['probabilities of 1 of 2 results are those of the pair of cameras']
    """
    if any(own):
        return [f"probabilities of {sum(own)} of {len(own)} results are those of the pair of cameras"]
    if named is None:
        return []
    return [
        f"camera {named}: the model is not calibrated for it and the cameras of these results; probabilities are those "
        f"of the modalities"
    ]
