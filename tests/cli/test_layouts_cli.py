"""The command line on each layout: from files to figures, and what only that layout can get wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import write_llcm, write_own_folder, write_own_table, write_regdb, write_tree
from shell import SIZE, TINY, mvd, printed, refused

OWN = ("anna", "bo", "cy", "dee", "eve", "fay")
SPLITS = {"anna": "train", "bo": "train", "cy": "train", "dee": "validation", "eve": "test", "fay": "test"}


@pytest.fixture(scope="module")
def regdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RegDB with two trials prepared and a run of each."""
    root = write_regdb(tmp_path_factory.mktemp("a camera's data") / "RegDB")
    for trial in ("1", "2"):
        assert mvd("prepare", root, "--trial", trial, *SIZE) == 0
        run = root.parent / f"run-{trial}"
        assert mvd("train", root, "--data.trial", trial, "--out", run, "--evaluate", "none", *TINY) == 0
    return root


def test_a_model_of_regdb_is_tested_on_its_own_trial(regdb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = regdb.parent / "run-2"
    assert mvd("evaluate", run) == 0
    output = printed(capsys)
    assert "regdb/visible-to-thermal/trial-2: 6 queries, 6 with a match, gallery 6, 1 trial" in output
    assert "regdb/thermal-to-visible/trial-2" in output
    message = refused(capsys, "evaluate", run, "--trial", "1")
    assert "expected trial 2, which this run was trained on, found trial 1" in message


def test_the_trials_of_regdb_are_joined(regdb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = (regdb.parent / "run-2", regdb.parent / "run-1")
    assert mvd("evaluate", *runs, "--format", "json") == 0
    rows = json.loads(capsys.readouterr().out)
    joined = [row for row in rows if row["label"] == "all trials"]
    assert [row["protocol"] for row in joined] == [
        "regdb/visible-to-thermal/trials-1-2",
        "regdb/thermal-to-visible/trials-1-2",
    ]
    single = {row["protocol"]: row["mean"]["mAP"] for row in rows}
    assert joined[0]["trials"]["mAP"] == [single[f"regdb/visible-to-thermal/trial-{trial}"] for trial in (1, 2)]
    assert "expected different trials" in refused(capsys, "evaluate", runs[0], runs[0])


def test_arrays_of_another_trial_are_not_trained_on(regdb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(
        capsys, "train", regdb, "--data.trial", "1", "--prepared", regdb / "trial-2", "--out", regdb.parent / "x", *TINY
    )
    assert "mvd prepare" in message
    assert not (regdb.parent / "x").exists()
    assert "data.trial: expected from 1 to 10, found 11" in refused(capsys, "train", regdb, "--data.trial", "11", *TINY)


def test_llcm_is_trained_and_tested_in_both_directions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, run = write_llcm(tmp_path / "LLCM"), tmp_path / "run"
    assert mvd("prepare", root, *SIZE) == 0
    assert mvd("train", root, "--out", run, *TINY) == 0
    output = printed(capsys)
    # Two people, two pictures by each of nine visible and eight infrared cameras.
    assert "llcm/infrared-to-visible/seeded: 32 queries, 32 with a match, gallery 18, 10 trials" in output
    assert "llcm/visible-to-infrared/seeded: 36 queries, 36 with a match, gallery 16, 10 trials" in output
    assert "transposed" not in output
    assert mvd("evaluate", run, "--protocols", "*/transposed-as-released") == 0
    assert "gallery 36, 10 trials" in printed(capsys)


def test_own_pictures_are_split_prepared_trained_and_tested(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, run = write_own_folder(tmp_path / "mine", people=OWN), tmp_path / "run"
    assert "mvd split" in refused(capsys, "train", root, "--out", run, *TINY)
    assert mvd("split", root, "--train", "0.5", "--validation", "0.2") == 0
    assert mvd("prepare", root, *SIZE) == 0
    assert mvd("train", root, "--out", run, *TINY) == 0
    output = printed(capsys)
    assert "own/infrared-to-visible: 4 queries, 4 with a match, gallery 4" in output
    assert (run / "checkpoints" / "best.safetensors").exists()


def test_junk_is_no_query_and_stays_in_the_gallery(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people = ("anna", "bo", "cy", "dee", "junk")
    root = write_own_folder(tmp_path / "mine", people=people, train=("anna", "bo"), test=("cy", "dee"))
    assert mvd("prepare", root, *SIZE) == 0
    assert mvd("train", root, "--out", tmp_path / "run", *TINY) == 0
    output = printed(capsys)
    assert "test 2 people (6 visible + 6 infrared)" in output
    assert "own/infrared-to-visible: 4 queries, 4 with a match, gallery 6" in output


def test_a_table_of_own_pictures_brings_cameras(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, run = write_own_table(tmp_path / "mine.csv", people=OWN, splits=SPLITS), tmp_path / "run"
    assert mvd("prepare", table, *SIZE) == 0
    assert mvd("train", table, "--out", run, *TINY) == 0
    assert "own/visible-to-infrared/other-cameras: 4 queries" in printed(capsys)


def test_a_run_is_tested_on_other_pictures_than_it_was_trained_on(
    regdb: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = write_own_folder(tmp_path / "mine", people=OWN)
    assert mvd("evaluate", regdb.parent / "run-1", "--data", own) == 0
    assert "own/infrared-to-visible: 12 queries" in printed(capsys)


def test_a_re_ranked_figure_stands_below_the_plain_one(regdb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mvd("evaluate", regdb.parent / "run-1", "--rerank", "--k1", "4", "--k2", "2") == 0
    output = printed(capsys)
    assert "re-ranked: cosine + k-reciprocal (k1 4, k2 2, λ 0.3)" in output
    results = json.loads((regdb.parent / "run-1" / "evaluation-best.json").read_text())["results"]
    assert [result["ranking"] == "cosine" for result in results] == [True, False] * 2
    assert "re-ranking: expected" in refused(capsys, "evaluate", regdb.parent / "run-1", "--rerank", "--k1", "400")


def test_results_are_printed_as_rows_of_a_paper(regdb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert mvd("evaluate", regdb.parent / "run-1", "--format", "markdown") == 0
    markdown = capsys.readouterr().out
    assert markdown.startswith("|")
    assert "regdb/visible-to-thermal/trial-1" in markdown
    assert mvd("evaluate", regdb.parent / "run-1", "--format", "latex") == 0
    assert r"\toprule" in printed(capsys)


def test_an_unknown_protocol_is_answered_with_those_there_are(regdb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, "evaluate", regdb.parent / "run-1", "--protocols", "sysu/*")
    assert "regdb/visible-to-thermal/trial-1, regdb/thermal-to-visible/trial-1; found 'sysu/*'" in message


def test_protocols_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert mvd("protocols") == 0
    output = printed(capsys)
    for name in ("sysu/indoor-search/multi-shot/official", "regdb/thermal-to-visible/trial-1", "own/"):
        assert name in output


def test_check_ends_in_1_when_something_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    root = write_tree(Path("data"))
    assert mvd("check", root) == 0
    (root / "cam1" / "0001" / "0001.jpg").write_bytes(b"")
    (root / "exp" / "val_id.txt").unlink()
    capsys.readouterr()
    assert mvd("check", root) == 1
    output = printed(capsys)
    assert "val_id.txt" in output
    assert "0001.jpg" in output


@pytest.mark.parametrize(
    ("layout", "pictures", "arguments"),
    [("regdb", 4 * 2 * 2, ()), ("llcm", 2 * 2 * 2 + 2 * 17 * 2, ()), ("csv", 5 * 6 * 2, ("--validation", "1"))],
)
def test_synth_writes_every_layout_for_prepare(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], layout: str, pictures: int, arguments: tuple[str, ...]
) -> None:
    sizes = ("--train", "2", "--test", "2", "--pictures", "2", "--height", "64", "--workers", "1", *arguments)
    assert mvd("synth", tmp_path / "out", "--layout", layout, *sizes) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    data = last.removeprefix("next: mvd prepare ")
    assert mvd("prepare", data, *SIZE) == 0
    assert mvd("check", data) == 0


@pytest.mark.parametrize("layout", ["sysu", "regdb", "llcm", "folder", "csv"])
def test_synth_without_validation_people_makes_a_set_that_is_ready(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], layout: str
) -> None:
    sizes = ("--train", "2", "--test", "2", "--pictures", "2", "--height", "64", "--workers", "1", "--validation", "0")
    assert mvd("synth", tmp_path / "out", "--layout", layout, *sizes) == 0
    data = capsys.readouterr().out.splitlines()[-1].removeprefix("next: mvd prepare ")
    assert mvd("check", data) == 0
    assert "ready for: mvd prepare" in printed(capsys)
    assert mvd("prepare", data, *SIZE) == 0


def test_synth_says_what_a_layout_has_no_place_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, "synth", tmp_path / "out", "--layout", "llcm", "--validation", "3")
    assert "layout llcm: expected no validation people" in message
