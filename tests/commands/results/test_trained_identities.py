"""People whom a run was trained on are never tested unasked, and figures of other data never become the run's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from fakes import write_ids, write_own_folder, write_picture, write_regdb
from shell import SIZE, TINY, mvd, prepared_tree, printed, refused

from mvd.commands.results.evaluate import evaluate
from mvd.commands.results.runs import summarise
from mvd.errors import ProtocolError
from mvd.runs import open_run

PEOPLE = ("anna", "bo", "cy", "dee", "eve", "fay")
SEEN = "expected test people whom it was not trained on, found"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with own data and a run, "data" and "run"; tests copy it."""
    root = tmp_path_factory.mktemp("own")
    data = write_own_folder(root / "data", people=PEOPLE, train=PEOPLE[:3], test=PEOPLE[3:])
    assert mvd("prepare", data, *SIZE) == 0
    assert mvd("train", data, "--out", root / "run", "--evaluate", "none", *TINY) == 0
    return root


@pytest.fixture
def home(trained: Path, tmp_path: Path) -> Path:
    """A copy of both, with the run's data set in the new place."""
    shutil.copytree(trained, tmp_path / "home")
    file = tmp_path / "home" / "run" / "data.json"
    file.write_text(file.read_text().replace(str(trained), str(tmp_path / "home")))
    return tmp_path / "home"


def _exchange(data: Path, train: tuple[str, ...], test: tuple[str, ...]) -> None:
    (data / "train_id.txt").write_text("".join(f"{name}\n" for name in train))
    (data / "test_id.txt").write_text("".join(f"{name}\n" for name in test))


def test_people_who_were_trained_on_are_not_tested_after_another_split(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _exchange(home / "data", ("dee", "eve", "bo"), ("anna", "cy", "fay"))
    message = refused(capsys, "evaluate", home / "run")
    assert f"{SEEN} 2 of 3 that it was trained on (anna, cy); restore" in message
    assert not list((home / "run").glob("evaluation*"))
    assert SEEN in refused(capsys, "export", home / "run")
    assert SEEN in _eval_py(home / "run", home / "data")
    assert mvd("evaluate", home / "run", "--allow-trained-identities") == 0
    assert [file.name for file in (home / "run").glob("evaluation*")] == ["evaluation-best-trained-identities.json"]
    assert summarise(home / "run").tests == []
    run = open_run(home / "run")
    assert not [one for one in run.card_with_tests(run.best_checkpoint).figures if one.people == "test"]
    assert mvd("evaluate", home / "run", "--weights", "initial") == 0  # which were trained on nobody


def _eval_py(run: Path, data: Path) -> str:
    """What the check of eval.py, which knows only benchmarks' layouts, would say."""
    from mvd.commands.results.evaluate import describe_trained, trained_people
    from mvd.data.layouts import scan
    from mvd.original.weights import load_weights

    weights, dataset = load_weights(run), scan(data)
    assert weights.data is not None
    return describe_trained(weights.file, weights.data, dataset, trained_people(weights.data, dataset, data))


def test_they_are_known_elsewhere_and_under_another_name(home: Path) -> None:
    copied = home / "copied"
    shutil.copytree(home / "data", copied)
    for modality in ("visible", "infrared"):
        (copied / modality / "anna").rename(copied / modality / "zoe")
    _exchange(copied, ("dee", "eve", "fay"), ("bo", "zoe"))
    with pytest.raises(ProtocolError, match=r"found 2 of 2 that it was trained on \(bo, zoe\)"):
        evaluate(home / "run", data=copied)


def test_names_not_numbers_tell_own_people_apart(home: Path) -> None:
    """One person more shifts the numbers of the others, which is no reason to refuse."""
    for modality in ("visible", "infrared"):
        shutil.copytree(home / "data" / modality / "fay", home / "data" / modality / "aaron")
        for file in (home / "data" / modality / "aaron").iterdir():
            file.unlink()
            shutil.copy(home / "data" / modality / "eve" / "1.jpg", file)
    _exchange(home / "data", PEOPLE[:3], ("aaron", "dee"))
    assert evaluate(home / "run")


def test_benchmark_lists_that_are_exchanged_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = prepared_tree(tmp_path / "sysu")
    assert mvd("train", root, "--out", tmp_path / "run", *TINY) == 0
    write_ids(root, train=(6, 7, 8), val=(4, 5), test=(1, 2, 3))
    assert f"{SEEN} 3 of 3" in refused(capsys, "evaluate", tmp_path / "run")
    fields = json.loads((tmp_path / "run" / "data.json").read_text())
    for name in ("people", "marks", "fingerprint"):  # a run of 0.1.0 knows its numbers
        del fields[name]
    (tmp_path / "run" / "data.json").write_text(json.dumps(fields))
    assert f"{SEEN} 3 of 3" in refused(capsys, "evaluate", tmp_path / "run")


def test_an_imported_checkpoint_and_a_pushed_model_know_their_people(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = home / "copied"
    shutil.copytree(home / "data", copied)
    _exchange(copied, ("dee", "eve", "fay"), ("anna", "bo", "cy"))
    assert mvd("push", home / "run", home / "model", "--local") == 0
    published = b"".join(file.read_bytes() for file in (home / "model").iterdir())
    assert str(home).encode() not in published
    assert b"anna" not in published
    network = [argument for argument in TINY if "schedule" not in argument]
    for file in (home / "run" / "checkpoints" / "best.safetensors", *(home / "model").glob("*.safetensors")):
        if file.exists():
            out = home / f"imported-{file.stem}"
            assert mvd("import", file, out, copied, *network) == 0
            assert f"{SEEN} 3 of 3" in refused(capsys, "evaluate", out)


def test_figures_of_another_data_set_are_kept_under_its_name(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = write_own_folder(home / "people of [x]", people=("uma", "vic"), test=("uma", "vic"), train=())
    for number, file in enumerate(sorted(other.rglob("*.jpg"))):  # nobody whom the run knows
        write_picture(file, 100 + number)
    assert mvd("evaluate", home / "run") == 0
    own = (home / "run" / "evaluation-best.json").read_text()
    before = summarise(home / "run")
    capsys.readouterr()
    assert mvd("evaluate", home / "run", "--data", other) == 0
    assert (home / "run" / "evaluation-best.json").read_text() == own
    (file,) = (home / "run").glob("evaluation-best-on-people-of-x--*.json")
    assert json.loads(file.read_text())["own"] is False
    assert summarise(home / "run").tests == before.tests
    run = open_run(home / "run")
    assert {one.people for one in run.card_with_tests(run.best_checkpoint).figures} == {"test"}
    own_figures = run.card_with_tests(run.best_checkpoint).figures
    (home / "run" / "evaluation-best.json").write_text(file.read_text())  # as 0.1.0 did
    assert summarise(home / "run").tests == []
    assert own_figures != run.card_with_tests(run.best_checkpoint).figures == ()


def test_the_same_data_set_elsewhere_is_the_runs_own(home: Path) -> None:
    shutil.copytree(home / "data", home / "copied")
    evaluate(home / "run", data=home / "copied")
    assert summarise(home / "run").tests


def test_another_trial_of_regdb_is_tested_where_it_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_regdb(tmp_path / "RegDB", trials=(1, 2))
    assert mvd("prepare", root, *SIZE) == 0
    assert mvd("train", root, "--out", tmp_path / "run", "--evaluate", "none", *TINY) == 0
    assert "expected trial 1, which this run was trained on" in refused(
        capsys, "evaluate", tmp_path / "run", "--trial", "2"
    )
    assert "found 0" in refused(capsys, "evaluate", tmp_path / "run", "--trial", "0")
    assert mvd("evaluate", tmp_path / "run", "--trial", "2", "--allow-trained-identities") == 0
    assert "regdb/visible-to-thermal/trial-2" in printed(capsys)
