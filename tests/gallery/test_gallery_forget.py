"""Forgetting: what was removed is in no byte of the folder, and the log keeps hashes alone."""

from __future__ import annotations

import time
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from galleries import PlainModel, draw, use_models, write_people

from mvd.commands.pictures.gallery import Gallery
from mvd.errors import ConfigError
from mvd.gallery import forget
from mvd.gallery.filters import Filter
from mvd.results.embeddings import Embeddings


@pytest.fixture(autouse=True)
def _models(monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, PlainModel())


def holds(folder: Path, content: bytes) -> bool:
    """Search the bytes of every file below a folder."""
    return any(content in file.read_bytes() for file in folder.rglob("*") if file.is_file())


def codes(vectors: np.ndarray[Any, Any], row: int) -> bytes:
    """Quantise as the index does: eight bits between the smallest and the largest number of all."""
    low, high = vectors.min(), vectors.max()
    return bytes(np.clip((vectors[row] - low) * 255 / (high - low), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("way", ["row", "path", "identity", "tag", "camera", "date"])
def test_what_is_removed_is_in_no_byte(tmp_path: Path, way: str) -> None:
    files = write_people(tmp_path / "photos", people=4, pictures=2)
    place = tmp_path / "people"
    gallery = Gallery(place)
    gallery.add(tmp_path / "photos")
    # Enough rows that the removed one is a small share of its file, which LanceDB alone would leave as it is.
    secret = draw(1, seed=4)
    others = draw(200, seed=5)
    gallery.add([_joined(others, secret)])
    table = gallery.table.read(["row", "path", "vector", "thumbnail"]).to_pylist()
    kept = next(row for row in table if row["path"].startswith("/nowhere/5/"))
    if way in ("row", "path"):
        gone = next(row for row in table if row["path"] == str(files[3]))
        argument: dict[str, Any] = {"rows": [gone["row"][:8]]} if way == "row" else {"paths": [files[3]]}
        count = 1
    else:
        gone = next(row for row in table if row["path"] == "/nowhere/4/0.jpg")
        count = 1
        argument = {
            "only": {
                "identity": Filter(identities=("secret name",)),
                "tag": Filter(tags=("secret tag",)),
                "camera": Filter(cameras=("secret camera",)),
                "date": Filter(since=gallery_time("2030-01-01"), until=gallery_time("2030-01-02")),
            }[way]
        }
    vector, thumbnail = np.float32(gone["vector"]).tobytes(), gone["thumbnail"]
    assert holds(place, vector)
    assert not thumbnail or holds(place, thumbnail)
    assert gallery.remove(**argument).rows == count
    assert not holds(place, vector)
    assert not thumbnail or not holds(place, thumbnail)
    assert not holds(place, gone["path"].encode())
    if way not in ("row", "path"):
        assert not any(holds(place, text) for text in (b"secret name", b"secret tag", b"secret camera"))
    assert holds(place, np.float32(kept["vector"]).tobytes())
    assert gallery.table.count() == len(table) - count
    assert gallery.search(others.take([0]), top=300, group_seconds=0).rows == len(table) - count
    assert len(list((place / "pictures.lance" / "_versions").glob("*.manifest"))) <= 2
    assert gallery.audit().broken is None


def gallery_time(text: str) -> Any:
    from mvd.gallery.filters import parse_time

    return parse_time(text)


def _joined(others: Embeddings, secret: Embeddings) -> Embeddings:
    from dataclasses import replace

    from mvd.results.embeddings import concatenate

    marked = replace(
        secret,
        cameras=("secret camera",),
        identities=("secret name",),
        tags=(("secret tag",),),
        times=np.array(["2030-01-01T12:00"], "datetime64[us]"),
    )
    return concatenate([others, marked])


def test_the_index_forgets_too(tmp_path: Path) -> None:
    place = tmp_path / "people"
    gallery = Gallery(place, exact_rows=300)
    rows = draw(400, width=24, seed=2)
    use = PlainModel(width=24)
    gallery._model = use
    gallery.add(rows)
    assert holds(place, rows.vectors[7].tobytes())
    quantised = codes(rows.vectors, 7)
    assert holds(place, quantised[:16])  # so this is what the index holds
    assert gallery.remove(paths=["/nowhere/2/7.jpg"]).rows == 1
    assert not holds(place, rows.vectors[7].tobytes())
    assert not holds(place, quantised[:16])
    stats = gallery.stats()
    assert stats.index is not None  # it was built again
    assert stats.rows == 399
    answer = gallery.search(rows.take([8]), group_seconds=0)
    assert answer.method == "index"
    assert "/nowhere/2/7.jpg" not in {hit.entry.path for hit in answer.hits}


def test_a_removal_that_is_killed_half_way_is_finished_by_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "people"
    rows = draw(50, seed=3)
    Gallery(place).add(rows)

    class KilledError(BaseException):
        pass

    def killed(_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(forget, "_clean", killed)
        with pytest.raises(KilledError):
            Gallery(place).remove(paths=["/nowhere/3/4.jpg"])
    assert holds(place, rows.vectors[4].tobytes())  # the deletion alone leaves the bytes
    gallery = Gallery(place)
    assert gallery.search(rows.take([5]), top=60, group_seconds=0).rows == 49
    assert not holds(place, rows.vectors[4].tobytes())
    assert '"state":"finished"' in (place / "log.jsonl").read_text()
    assert gallery.audit().broken is None


def test_rows_are_removed_when_their_days_are_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "people"
    old, new = draw(20, seed=1), draw(20, seed=2)
    gallery = Gallery(place)
    gallery.add(old, keep_days=30)
    assert gallery.remove(expired=True).rows == 0
    later = time.time() + 20 * 86_400
    monkeypatch.setattr(time, "time_ns", lambda: round(later * 1e9))
    gallery.add(new)
    later += 11 * 86_400
    assert gallery.search(draw(1, seed=3), top=50, group_seconds=0).rows == 20
    assert not any(holds(place, vector.tobytes()) for vector in old.vectors)
    assert all(holds(place, vector.tobytes()) for vector in new.vectors)
    later += 365 * 86_400
    with pytest.raises(ConfigError, match=r"^expired: expected no other condition beside it"):
        gallery.remove(expired=True, only=Filter(cameras=("a",)))
    assert gallery.remove(expired=True).rows == 20
    gallery.add(old, keep_days=0)
    later += 365 * 86_400
    assert gallery.remove(expired=True).rows == 0
    assert gallery.stats().keep_days is None


def test_removing_wants_a_condition(tmp_path: Path) -> None:
    gallery = Gallery(tmp_path / "people")
    gallery.add(draw(3))
    with pytest.raises(ConfigError, match="expected which rows to remove"):
        gallery.remove()
    assert gallery.remove(paths=["/nowhere/0/9.jpg"]).rows == 0
    assert gallery.table.count() == 3


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_are_found_and_removed_however_accents_are_encoded(tmp_path: Path, form: Literal["NFC", "NFD"]) -> None:
    composed, decomposed = (unicodedata.normalize(one, "René") for one in ("NFC", "NFD"))
    assert composed != decomposed
    names = (composed, decomposed, "Rene", None)
    rows = replace(draw(4), cameras=names, identities=names, tags=tuple((name,) if name else () for name in names))
    said = list[str]()
    gallery = Gallery(tmp_path / "people", note=said.append)
    gallery.add(rows)
    name = unicodedata.normalize(form, "René")
    for only in (Filter(cameras=(name,)), Filter(identities=(name,)), Filter(tags=(name,))):
        assert {entry.camera for entry in gallery.rows(only=only)} == {composed, decomposed}
    assert gallery.remove(only=Filter(identities=(name,))).rows == 2
    assert gallery.remove(only=Filter(cameras=(name,), tags=("Rene",))).rows == 0
    assert said == [f"{tmp_path / 'people'}: no picture of camera {name}: here are Rene"]
