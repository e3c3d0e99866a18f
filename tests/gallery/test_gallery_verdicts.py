"""Verdicts on results: kept whole, read strictly, and learnt from."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from mvd.errors import GalleryError
from mvd.gallery.verdicts import VERDICTS, Verdict, add_verdict, read_verdicts

ONE = Verdict(
    model="m", query="a", pictures=1, row="0" * 16, similarity=0.5, query_modality=1, gallery_modality=0, same=True
)


def test_the_last_verdict_on_a_result_counts(tmp_path: Path) -> None:
    given = [ONE, replace(ONE, row="1" * 16, same=False), replace(ONE, same=False)]
    for verdict in given:
        add_verdict(tmp_path, verdict)
    assert read_verdicts(tmp_path) == [given[2], given[1]]
    assert read_verdicts(tmp_path / "none") == []


@pytest.mark.parametrize(
    "change",
    [
        {"similarity": "0.5"},
        {"similarity": float("nan")},
        {"same": 1},
        {"query_modality": 2},
        {"pictures": True},
        {"row": 3},
    ],
)
def test_a_line_that_is_no_verdict_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    add_verdict(tmp_path, ONE)
    with (tmp_path / VERDICTS).open("a") as file:
        file.write(json.dumps({"time": "", **asdict(ONE), **change}) + "\n")
    with pytest.raises(GalleryError, match=r"verdicts.jsonl: expected a verdict in line 2, .* delete that line"):
        read_verdicts(tmp_path)
