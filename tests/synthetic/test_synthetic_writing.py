"""Writing the synthetic data set: whole or not at all, by any number of workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from mvd.errors import BusyError, ConfigError, DatasetError, MissingPackageError
from mvd.synthetic import Sensor, SyntheticConfig, even_plan, render, write_dataset

CONFIG = SyntheticConfig(seed=4, height=64, plan=even_plan(train=2, validation=1, test=1, pictures=2))


def _tree(root: Path) -> dict[str, bytes]:
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*") if file.is_file()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synthetic") / "deep" / "people"
    write_dataset(out, CONFIG)
    return out


def test_the_number_of_workers_changes_nothing(written: Path, tmp_path: Path) -> None:
    write_dataset(tmp_path / "two", CONFIG, workers=2)
    assert _tree(tmp_path / "two") == _tree(written)


def test_progress_counts_up_to_all(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_dataset(tmp_path / "out", CONFIG, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 48), (12, 48), (24, 48), (36, 48), (48, 48)]


def test_without_scipy_the_folder_asked_for_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("scipy", "scipy.io"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingPackageError) as raised:
        write_dataset(tmp_path / "people", CONFIG)
    assert str(raised.value).startswith(f"{tmp_path}/people/exp/rand_perm_cam.mat: expected SciPy, found none")
    assert not list(tmp_path.iterdir())


def test_an_empty_folder_may_exist(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_dataset(tmp_path / "out", CONFIG)
    assert (tmp_path / "out" / "cam6" / "0004" / "0002.jpg").is_file()


def test_a_full_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(DatasetError, match="found files in it; remove it or choose another"):
        write_dataset(tmp_path, CONFIG)
    assert _tree(tmp_path) == {"mine.txt": b"keep me"}


def test_a_file_in_the_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("keep me")
    with pytest.raises(DatasetError, match="expected a new folder, found a file"):
        write_dataset(tmp_path / "out", CONFIG)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(DatasetError, match="loop: expected a new folder, found a file"):
        write_dataset(tmp_path / "loop", CONFIG)
    with pytest.raises(DatasetError, match=r"expected a name in UTF-8, found Zo\\xe9; choose another"):
        write_dataset(tmp_path / "Zo\udce9", CONFIG)


def _interrupt() -> None:
    raise KeyboardInterrupt


def _fill_the_disk() -> None:
    raise OSError(28, "No space left on device")


def _lose_a_process() -> None:
    raise BrokenProcessPool


@pytest.mark.parametrize(
    ("accident", "error"),
    [(_interrupt, KeyboardInterrupt), (_fill_the_disk, DatasetError), (_lose_a_process, DatasetError)],
)
def test_nothing_half_written_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accident: Callable[[], None], error: type[BaseException]
) -> None:
    made: list[int] = []

    def failing(config: SyntheticConfig, identity: int, sensor: Sensor, picture: int) -> object:
        made.append(picture)
        if len(made) > 20:
            assert any(tmp_path.iterdir())  # it was under way
            accident()
        return render(config, identity, sensor, picture)

    monkeypatch.setattr("mvd.synthetic.writing.render", failing)
    with pytest.raises(error):
        write_dataset(tmp_path / "out", CONFIG)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_progress_stops_the_workers_and_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path / "out", CONFIG, workers=2, progress=stop)
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from mvd.synthetic import SyntheticConfig, even_plan, write_dataset

def kill(done, total):
    if done > 20:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    plan = even_plan(train=200, validation=1, test=1, pictures=3)
    write_dataset(Path(sys.argv[1]), SyntheticConfig(plan=plan, height=64), workers=3, progress=kill)
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_workers_end_with_a_killed_parent_and_the_next_run_cleans_up(tmp_path: Path) -> None:
    program, out = tmp_path / "program.py", tmp_path / "out"
    program.write_text(KILLED)
    with subprocess.Popen([sys.executable, program, out], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.read() == ""  # ends when every process that holds the pipe has ended
    assert parent.returncode == -signal.SIGKILL
    program.unlink()
    assert list(tmp_path.iterdir())
    write_dataset(out, CONFIG)
    assert list(tmp_path.iterdir()) == [out]


def test_of_two_that_write_one_folder_one_does(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def start_another(done: int, total: int) -> None:
        if done == 0:
            with pytest.raises(BusyError, match="expected no other process at work on it, found one"):
                write_dataset(out, CONFIG)

    write_dataset(out, CONFIG, progress=start_another)
    assert list(tmp_path.iterdir()) == [out]


def test_a_place_below_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="expected a place to write to, found none"):
        write_dataset(tmp_path / "file" / "out", CONFIG)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="whoever is root may write anywhere")
def test_a_locked_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DatasetError, match="expected a place to write to, found none"):
        write_dataset(tmp_path / "out", CONFIG)
    tmp_path.chmod(0o700)


def test_no_workers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="workers: expected at least 1, found 0"):
        write_dataset(tmp_path / "out", CONFIG, workers=0)
