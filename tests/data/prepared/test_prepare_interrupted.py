"""Preparing that is stopped, killed or out of space: nothing is lost, and it ends with the same bytes."""

from __future__ import annotations

import multiprocessing
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from data.prepared.preparing import (
    NAMES,
    SIZE,
    UNFINISHED,
    assert_prepared,
    different,
    pictures,
    plain_loop,
    run,
    spoil_unnoticed,
)
from fakes import write_ids, write_picture, write_tree

from mvd.data.layouts import scan
from mvd.data.prepared.arrays import load_prepared, training_samples
from mvd.data.prepared.prepare import prepare_arrays
from mvd.data.samples import Dataset, Modality
from mvd.errors import DatasetError


@pytest.mark.usefixtures("small_chunks")
def test_what_is_finished_is_not_done_again(dataset: Dataset, out: Path, tmp_path: Path) -> None:
    expected = plain_loop(dataset)
    run(dataset, out, until=16)
    assert sorted(file.name for file in out.iterdir()) == UNFINISHED
    for path in training_samples(dataset).of(Modality.VISIBLE).paths[:16]:
        spoil_unnoticed(dataset.root / path)
    assert run(dataset, out)[0] == 16
    assert_prepared(out, expected, tmp_path)


@pytest.mark.usefixtures("small_chunks")
def test_a_picture_that_was_replaced_meanwhile_is_done_again(dataset: Dataset, out: Path, tmp_path: Path) -> None:
    run(dataset, out, until=40)
    write_picture(dataset.root / training_samples(dataset).of(Modality.VISIBLE).paths[5], 1000, height=40)
    assert run(dataset, out)[0] == 36
    assert_prepared(out, plain_loop(dataset), tmp_path)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("change", ["size", "decoder", "people", "array lost", "journal lost", "journal spoilt"])
def test_whatever_does_not_fit_is_started_afresh(
    dataset: Dataset, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    size = SIZE
    run(dataset, out, size, until=44)
    match change:
        case "size":
            size = (10, 24)  # pictures as long as before
        case "decoder":
            monkeypatch.setattr("PIL.__version__", "1.1.7")
        case "people":
            write_ids(dataset.root, train=(9,), val=(2, 5), test=(7,))
            dataset = scan(write_tree(dataset.root, train=(9,), val=(5,), test=(7,), pictures=3))
        case "array lost":
            (out / ".train_rgb_resized_img.npy.part").unlink()
        case "journal lost":
            (out / ".mvd-prepare.journal").unlink()
        case "journal spoilt":
            (out / ".mvd-prepare.journal").write_bytes(b'{"test": 3}\n[null]\n\xff')
    assert run(dataset, out, size)[0] < 24
    assert_prepared(out, plain_loop(dataset, size), tmp_path)


@pytest.mark.usefixtures("small_chunks")
def test_a_torn_line_of_the_journal_costs_its_chunk_alone(dataset: Dataset, out: Path, tmp_path: Path) -> None:
    run(dataset, out, until=16)
    journal = out / ".mvd-prepare.journal"
    journal.write_bytes(journal.read_bytes()[:-5])
    assert run(dataset, out, until=20)[0] == 12
    assert run(dataset, out, until=20) == [20]  # what was added after the torn line counts
    prepare_arrays(dataset, out, *SIZE)
    assert_prepared(out, plain_loop(dataset), tmp_path)


def test_stopped_between_the_names_nothing_loads_and_nothing_is_lost(
    dataset: Dataset, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_arrays(dataset, out, *SIZE)
    for number, path in enumerate(pictures(dataset)):
        write_picture(path, 100 + number)
    expected = plain_loop(dataset)

    def stop(*_: object) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr("mvd.data.prepared.prepare.write_atomically", stop)  # after the first array has its name
    with pytest.raises(KeyboardInterrupt):
        prepare_arrays(dataset, out, *SIZE)
    with pytest.raises(DatasetError, match="run: mvd prepare"):
        load_prepared(dataset, out)
    for path in pictures(dataset):
        spoil_unnoticed(path)
    prepare_arrays(dataset, out, *SIZE)
    assert_prepared(out, expected, tmp_path)


def test_failing_leaves_earlier_arrays_as_they_were(dataset: Dataset, out: Path) -> None:
    prepare_arrays(dataset, out, *SIZE)
    before = {name: (out / name).read_bytes() for name in NAMES}
    (dataset.root / "cam1" / "0002" / "0001.jpg").write_text("no picture")
    with pytest.raises(DatasetError):
        prepare_arrays(dataset, out, height=32, width=16)
    assert {name: (out / name).read_bytes() for name in NAMES} == before


def test_two_at_once_in_one_folder_are_one_too_many(dataset: Dataset, out: Path, tmp_path: Path) -> None:
    refused: list[str] = []

    def meanwhile(done: int, total: int) -> None:
        with pytest.raises(DatasetError, match="expected no other mvd prepare at work") as error:
            prepare_arrays(dataset, out, 32, 16)
        refused.append(str(error.value))

    prepare_arrays(dataset, out, *SIZE, progress=meanwhile)
    assert refused
    assert_prepared(out, plain_loop(dataset), tmp_path)


@pytest.mark.usefixtures("small_chunks")
def test_a_killed_worker_is_one_clear_error_and_costs_little(dataset: Dataset, out: Path, tmp_path: Path) -> None:
    def kill(done: int, total: int) -> None:
        for worker in multiprocessing.active_children():
            worker.kill()

    with pytest.raises(DatasetError, match=r"found one that ended early, .* start again, with fewer"):
        prepare_arrays(dataset, out, *SIZE, workers=2, progress=kill)
    prepare_arrays(dataset, out, *SIZE, workers=2)
    assert_prepared(out, plain_loop(dataset), tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="POSIX limits")
def test_an_array_that_does_not_fit_on_the_disk_is_one_clear_error(dataset: Dataset, out: Path, tmp_path: Path) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, before[1]))  # infrared fits, visible does not
    try:
        with pytest.raises(DatasetError, match=r"arrays: expected a folder to write the arrays to, .* --out"):
            prepare_arrays(dataset, out, *SIZE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    prepare_arrays(dataset, out, *SIZE)
    assert_prepared(out, plain_loop(dataset), tmp_path)


def test_links_among_the_unfinished_files_are_not_followed(dataset: Dataset, out: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    prepare_arrays(dataset, victim, *SIZE)
    before = {file: file.read_bytes() for file in victim.iterdir()}
    out.mkdir(exist_ok=True)
    for file in list(victim.glob("*_img.npy")):
        (out / f".{file.name}.part").symlink_to(file)  # of the right shape, even
    prepare_arrays(different(dataset), out, *SIZE)
    (out / ".mvd-prepare.journal").symlink_to(victim / "train_rgb_resized_label.npy")
    with pytest.raises(DatasetError, match="expected a folder to write the arrays to"):
        prepare_arrays(dataset, out, *SIZE)
    assert {file: file.read_bytes() for file in victim.iterdir()} == before


KILLED = """
import sys, time
from pathlib import Path
from mvd.data.prepared import prepare
from mvd.data.layouts import scan

prepare._RECORD_SECONDS, prepare._CHUNKS_PER_PROCESS, prepare._CHUNK_PICTURES = 0, 1, 2

def progress(done, total):
    print(done, flush=True)
    time.sleep(0.1)  # so that no life of a process, at most 0.3 s of it, does all

prepare.prepare_arrays(scan(Path(sys.argv[1])), Path(sys.argv[2]), 24, 10, workers=2, progress=progress)
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_killed_again_and_again_it_ends_with_the_same_bytes(dataset: Dataset, out: Path, tmp_path: Path) -> None:
    chance, finished, kills = random.Random(0), 0, 0
    command = [sys.executable, "-c", KILLED, str(dataset.root), str(out)]
    while finished < 48:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            begun = process.stdout.readline() if kills % 4 else ""  # or killed while it starts, perhaps
            time.sleep(chance.uniform(0.0, 0.3))
            process.kill()
            said = [
                int(line) for line in (begun, *process.stdout) if line
            ]  # ends only when the workers have ended, too
        kills += 1
        if said:
            assert said[0] >= finished  # nothing is done again
            finished = said[-1]
    assert kills > 3
    prepare_arrays(dataset, out, *SIZE)
    assert_prepared(out, plain_loop(dataset), tmp_path)
