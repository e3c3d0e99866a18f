"""The log of a gallery: a chain of hashes that shows what was changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from galleries import PlainModel, draw, use_models

from mvd.commands.pictures.gallery import Gallery
from mvd.gallery.filters import Filter
from mvd.gallery.log import verify


@pytest.fixture
def gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gallery:
    use_models(monkeypatch, PlainModel())
    gallery = Gallery(tmp_path / "people")
    gallery.add(draw(10, people=2))
    for seed in range(3):
        gallery.search(draw(1, seed=seed), only=Filter(identities=("person 1",)))
    gallery.remove(only=Filter(identities=("person 1",)))
    return gallery


def test_every_search_and_removal_is_in_it_by_hashes_alone(gallery: Gallery, tmp_path: Path) -> None:
    text = (tmp_path / "people" / "log.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["what"] for line in lines] == ["add", "search", "search", "search", "remove", "remove"]
    assert lines[1]["queries"] == list(draw(1, seed=0).hashes)
    assert len(lines[1]["rows"]) == 5
    assert lines[1]["user"]
    assert lines[4]["rows"] == gallery_rows()
    assert "person" not in text
    assert "nowhere" not in text


def gallery_rows() -> list[str]:
    from mvd.gallery.columns import row_name

    rows = draw(10, people=2)
    return [row_name(rows.hashes[at], rows.paths[at]) for at in range(1, 10, 2)]


@pytest.mark.parametrize(
    ("change", "broken", "fault"),
    [
        (lambda lines: [*lines[:2], lines[2].replace('"search"', '"nothing"'), *lines[3:]], 3, "it was changed"),
        (lambda lines: [*lines[:2], *lines[3:]], 3, "the line before it does not match"),
        (lambda lines: lines[1:], 1, "the line before it does not match"),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], 2, "the line before it does not match"),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], 3, "the line before it does not match"),
        (lambda lines: [*lines[:3], "not JSON", *lines[3:]], 4, "it is not a log line"),
    ],
)
def test_tampering_shows_in_the_first_broken_line(
    gallery: Gallery, tmp_path: Path, change: object, broken: int, fault: str
) -> None:
    file = tmp_path / "people" / "log.jsonl"
    lines = file.read_text().splitlines()
    assert callable(change)
    file.write_text("\n".join(change(lines)) + "\n")
    audit = gallery.audit()
    assert audit.broken == broken
    assert audit.fault is not None
    assert fault in audit.fault


def test_lines_that_are_taken_from_the_end_are_missed_by_their_hash(gallery: Gallery, tmp_path: Path) -> None:
    whole = gallery.audit()
    assert whole.broken is None
    file = tmp_path / "people" / "log.jsonl"
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:-1]) + "\n")
    shorter = gallery.audit()
    assert (shorter.broken, shorter.lines) == (None, whole.lines - 1)
    assert shorter.last != whole.last
    assert verify([]).last is None


def test_a_line_that_was_never_whole_is_dropped(gallery: Gallery, tmp_path: Path) -> None:
    file = tmp_path / "people" / "log.jsonl"
    with file.open("a") as handle:
        handle.write('{"time":"2024')  # the machine stopped here
    gallery.search(draw(1))
    audit = gallery.audit()
    assert (audit.broken, audit.lines) == (None, 7)
