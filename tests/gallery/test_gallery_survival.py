"""Galleries that are killed, shared by processes, and kept in a bucket."""

from __future__ import annotations

from pathlib import Path

import gallery_kills


def test_a_kill_leaves_each_picture_wholly_in_or_wholly_out(tmp_path: Path) -> None:
    place = tmp_path / "people"
    said: list[tuple[str, int]] = []
    for number, (word, seconds) in enumerate((("adding", 0.02), ("removing", 0.004), ("removing", 0.05))):
        said += gallery_kills.kill_after(place, 1000 * number, seconds, word)
        assert gallery_kills.faults(place, said) == []
    assert sum(word == "removing" for word, _ in said) >= 2
