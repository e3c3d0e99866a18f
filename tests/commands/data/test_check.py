"""`mvd check` as a function: a data set without defects, and one with some."""

from __future__ import annotations

from pathlib import Path

from fakes import write_regdb

from mvd.commands.data.check import check


def test_the_trial_that_is_asked_for_is_checked(tmp_path: Path) -> None:
    root = write_regdb(tmp_path)
    (root / "idx" / "test_visible_2.txt").unlink()
    seen: list[tuple[int, int]] = []
    assert check(root, workers=1, progress=lambda done, total: seen.append((done, total))).defects == ()
    assert seen[-1] == (24, 24)
    (defect,) = check(root, trial=2).defects
    assert "expected the lists of trial 2, found no idx/test_visible_2.txt; those of trial 1, 3," in defect
