"""Preparing: the plain loop's arrays bit for bit, whatever stops it on the way."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from fakes import write_ids, write_own_folder, write_picture, write_regdb, write_tree
from PIL import Image

from mvd.data.layouts import scan
from mvd.data.prepared.arrays import array_files, default_folder, load_prepared, training_samples
from mvd.data.prepared.prepare import prepare_arrays
from mvd.data.samples import Dataset, Modality
from mvd.errors import ConfigError, DatasetError

SIZE = (24, 10)
NAMES = sorted(f"train_{kind}_resized{end}" for kind in ("rgb", "ir") for end in ("_img.npy", "_label.npy", ".csv"))
UNFINISHED = sorted([".mvd-prepare.journal", *(f".train_{kind}_resized_img.npy.part" for kind in ("rgb", "ir"))])


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """24 visible and 12 infrared training pictures, 12 test pictures."""
    return different(scan(write_tree(tmp_path / "data", train=(9, 2), val=(5,), test=(7,))))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "arrays"


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of four pictures, few enough that a process is worth it for one."""
    monkeypatch.setattr("mvd.data.prepared.prepare._CHUNK_PICTURES", 4)
    monkeypatch.setattr("mvd.data.prepared.prepare._CHUNKS_PER_PROCESS", 1)


def different(dataset: Dataset) -> Dataset:
    """Make every picture of a data set another one."""
    for number, path in enumerate(pictures(dataset)):
        write_picture(path, number)
    return dataset


def pictures(dataset: Dataset) -> Iterator[Path]:
    for table in (dataset.train, dataset.validation, dataset.test):
        yield from (dataset.root / path for path in table.paths.tolist())


def plain_loop(dataset: Dataset, size: tuple[int, int] = SIZE) -> list[npt.NDArray[np.uint8]]:
    """Make the arrays of both modalities as the original's script does."""
    both = training_samples(dataset)
    return [
        np.stack(
            [
                np.asarray(Image.open(dataset.root / path).convert("RGB").resize(size[::-1], Image.Resampling.LANCZOS))
                for path in both.of(modality).paths.tolist()
            ]
        )
        for modality in Modality
    ]


def assert_prepared(out: Path, expected: list[npt.NDArray[np.uint8]], tmp_path: Path) -> None:
    """Compare the files of both modalities with what NumPy saves, byte for byte, and see that nothing else is left."""
    assert sorted(file.name for file in out.iterdir()) == NAMES
    for modality, images in zip(Modality, expected, strict=True):
        np.save(tmp_path / "expected.npy", images)
        assert array_files(out, modality).images.read_bytes() == (tmp_path / "expected.npy").read_bytes()


def spoil_unnoticed(file: Path) -> None:
    """Make a picture unreadable, but leave it its size and date: whoever reads it again will notice."""
    status = file.stat()
    file.write_bytes(bytes(status.st_size))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def run(dataset: Dataset, out: Path, size: tuple[int, int] = SIZE, *, until: int | None = None) -> list[int]:
    """Prepare with one worker; Ctrl-C comes when `until` pictures are done. Return what progress said was done."""
    seen: list[int] = []

    def progress(done: int, total: int) -> None:
        seen.append(done)
        if until is not None and done >= until:
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        prepare_arrays(dataset, out, *size, workers=1, progress=progress)
    return seen


@pytest.mark.parametrize("size", [(24, 10), (288, 144), (17, 300)])
def test_arrays_are_those_of_the_plain_loop_to_the_byte(
    dataset: Dataset, out: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    prepare_arrays(dataset, out, *size)
    assert_prepared(out, plain_loop(dataset, size), tmp_path)


def test_labels_are_the_originals(dataset: Dataset, out: Path) -> None:
    prepare_arrays(dataset, out, *SIZE)
    visible, infrared = (np.load(array_files(out, modality).labels) for modality in Modality)
    # Identities ascending (2, 5, 9), each with its cameras 1, 2, 4, 5 or 3, 6 and two pictures by each.
    assert visible.tolist() == [0] * 8 + [1] * 8 + [2] * 8
    assert infrared.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert visible.dtype == infrared.dtype == np.int64


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_number_of_workers_changes_nothing(dataset: Dataset, out: Path, tmp_path: Path, workers: int) -> None:
    prepare_arrays(dataset, out, *SIZE, workers=workers)
    assert_prepared(out, plain_loop(dataset), tmp_path)


def test_pictures_of_every_kind_come_out_as_the_plain_loop_has_them(tmp_path: Path, out: Path) -> None:
    root = write_own_folder(tmp_path / "own", train=["anna", "bo", "cy", "dee"])
    for mode, person in (("L", "anna"), ("P", "bo"), ("RGBA", "cy"), ("1", "dee")):
        (root / "visible" / person / "1.jpg").unlink()
        picture = Image.effect_mandelbrot((30, 40), (-2, -1, 1, 1), 50).convert("RGB").convert(mode)
        picture.save(root / "visible" / person / "1.png")
    dataset = scan(root)
    prepare_arrays(dataset, out, *SIZE)
    assert_prepared(out, plain_loop(dataset), tmp_path)


@pytest.mark.usefixtures("small_chunks")
def test_progress_counts_every_picture(dataset: Dataset, out: Path) -> None:
    seen: list[tuple[int, int]] = []
    prepare_arrays(dataset, out, *SIZE, workers=1, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 48) for done in range(0, 49, 4)]


def test_people_of_one_modality_only_cannot_be_trained_on(dataset: Dataset, out: Path) -> None:
    blind = Dataset(
        name="own",
        root=dataset.root,
        train=dataset.train.of(Modality.VISIBLE),
        validation=dataset.validation.of(Modality.VISIBLE),
        test=dataset.test,
        people_lists="train_id.txt",
    )
    with pytest.raises(DatasetError, match=r"found no infrared ones; .* train_id\.txt"):
        prepare_arrays(blind, out, *SIZE)
    assert not out.exists()


def test_each_split_of_regdb_has_a_folder_of_its_own(tmp_path: Path) -> None:
    root = write_regdb(tmp_path / "RegDB")
    for trial in (1, 2):
        dataset = scan(root, trial=trial)
        prepare_arrays(dataset, default_folder(dataset), *SIZE)
    visible, _ = load_prepared(scan(root, trial=2), root / "trial-2")
    assert visible.samples.paths.tolist() == scan(root, trial=2).train.of(Modality.VISIBLE).paths.tolist()


@pytest.mark.parametrize("path", ["cam6/0002/0001.jpg", "cam1/0009/0002.jpg", "cam2/0007/0001.jpg"])
@pytest.mark.parametrize("damage", ["truncated", "vanished"])
def test_a_damaged_picture_is_named_and_can_be_replaced(
    dataset: Dataset, out: Path, tmp_path: Path, path: str, damage: str
) -> None:
    picture, expected = dataset.root / path, plain_loop(dataset)
    content = picture.read_bytes()
    picture.unlink()
    if damage == "truncated":
        picture.write_bytes(content[:-20])
    with pytest.raises(DatasetError, match=path):
        prepare_arrays(dataset, out, *SIZE)
    assert not set(NAMES) & {file.name for file in out.iterdir()}
    picture.write_bytes(content)
    prepare_arrays(dataset, out, *SIZE)
    assert_prepared(out, expected, tmp_path)


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


def test_a_folder_that_cannot_be_made_is_named(dataset: Dataset, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(DatasetError, match=r"file.arrays: expected a folder to write the arrays to"):
        prepare_arrays(dataset, blocked / "arrays", *SIZE)


def test_a_decoder_that_does_not_exist_is_refused(dataset: Dataset, out: Path) -> None:
    with pytest.raises(ConfigError, match="decoder: expected pillow or fast, found 'quick'"):
        prepare_arrays(dataset, out, *SIZE, decoder="quick")  # type: ignore[arg-type]
    assert not out.exists()


KILLED = """
import sys, time
from pathlib import Path
from mvd.data.prepared import prepare
from mvd.data.layouts import scan

prepare._RECORD_SECONDS, prepare._CHUNKS_PER_PROCESS, prepare._CHUNK_PICTURES = 0, 1, 2

def progress(done, total):
    print(done, flush=True)
    time.sleep(0.01)

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
