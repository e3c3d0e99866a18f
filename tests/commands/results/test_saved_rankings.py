"""`mvd evaluate --save`: the ranked lists of a run's test, and what is refused before anything is embedded."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from fakes import write_tree
from shell import SIZE, TINY, mvd, refused

import mvd as api
from mvd.metrics import load_rankings


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = write_tree(tmp_path_factory.mktemp("data") / "people")
    run = tmp_path_factory.mktemp("runs") / "run"
    assert mvd("prepare", data, *SIZE) == 0
    assert mvd("train", data, "--out", run, *TINY, "--evaluate=none") == 0
    return run


def test_the_lists_of_every_protocol_trial_and_ranking_are_kept(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "rankings.npz"
    assert mvd("evaluate", run, "--save", file, "--save-top", "2", "--rerank", "--k1", "3", "--k2", "2") == 0
    samples, rankings = load_rankings(file)
    scores = api.evaluate(run)
    assert len(rankings) == 2 * sum(one.trials for one in scores)
    for one in scores:
        lists = [found for found in rankings if (found.protocol, found.ranking) == (one.protocol, "cosine")]
        assert [found.trial for found in lists] == list(range(one.trials))
        nearest = [samples.identities[found.ranked["picture"][:, 0]] for found in lists]
        first = [
            float(np.mean(people == samples.identities[found.queries]))
            for people, found in zip(nearest, lists, strict=True)
        ]
        if all(found.ranked["counts"][:, 0].all() for found in lists):
            assert first == pytest.approx(one.rank(1).tolist())
    again = tmp_path / "again.npz"
    api.evaluate(run, save=again)
    assert load_rankings(again).rankings[0].ranked.shape[1] == scores[0].gallery


def test_what_could_not_be_kept_is_refused_before_anything_is_embedded(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mvd.training.engine.embed", None)
    (tmp_path / "folder.npz").mkdir()
    for name, found in (
        ("rankings.csv", "expected a name that ends in .npz, found"),
        ("nowhere/r.npz", "expected a folder to write it to, found none; make it: mkdir -p"),
        ("folder.npz", "it is a folder"),
    ):
        assert found in refused(capsys, "evaluate", run, "--save", tmp_path / name)
    assert "expected 0 (all) or more" in refused(
        capsys, "evaluate", run, "--save", tmp_path / "r.npz", "--save-top", "-1"
    )
    assert "--save: expected one run, found 2" in refused(capsys, "evaluate", run, run, "--save", tmp_path / "r.npz")


def test_figures_are_shown_where_the_lists_cannot_be_kept(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **named: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("mvd.commands.results.evaluate.save_rankings", full)
    assert mvd("evaluate", run, "--save", tmp_path / "r.npz") == 0
    printed = capsys.readouterr()
    assert "rank-1" in printed.out
    assert "the figures are shown, the ranked lists not kept" in printed.err
