"""Writing the synthetic data set: SYSU-MM01's layout, whole or not at all, by any number of workers."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mvd.data.permutations import load_permutations
from mvd.data.synthetic import SyntheticConfig, even_plan, render, write_sysu
from mvd.errors import ConfigError, DatasetError

CONFIG = SyntheticConfig(seed=4, height=64, plan=even_plan(train=2, validation=1, test=1, pictures=2))


def _tree(root: Path) -> dict[str, bytes]:
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*") if file.is_file()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synthetic") / "deep" / "sysu"
    write_sysu(out, CONFIG)
    return out


def test_the_layout_is_that_of_sysu(written: Path) -> None:
    pictures = {f"cam{c}/{i:04d}/{n:04d}.jpg" for c in range(1, 7) for i in range(1, 5) for n in (1, 2)}
    lists = {f"exp/{name}_id.txt" for name in ("train", "val", "test", "available")}
    assert _tree(written).keys() == pictures | lists | {"exp/rand_perm_cam.mat"}
    found = [(written / f"exp/{name}_id.txt").read_text() for name in ("train", "val", "test", "available")]
    assert found == ["1,2\n", "3\n", "4\n", "1,2,3,4\n"]


def test_files_hold_the_rendered_pictures(written: Path) -> None:
    with Image.open(written / "cam5" / "0003" / "0002.jpg") as image:
        assert (image.format, image.mode) == ("JPEG", "RGB")
        decoded = np.asarray(image).astype(int)
    drawn = render(CONFIG, 3, 5, 2)
    assert decoded.shape == drawn.shape
    assert np.abs(decoded - drawn).mean() < 6  # what compression costs


def test_galleries_fit_the_pictures(written: Path) -> None:
    permutations = load_permutations(written / "exp" / "rand_perm_cam.mat")
    assert permutations.runs == 10
    assert {pair: order.shape[1] for pair, order in permutations.orders.items()} == CONFIG.plan.counts
    orders = np.concatenate([order[:, 0] for order in permutations.orders.values()])
    assert 0.3 < (orders == 1).mean() < 0.7  # drawn, not counted up


def test_the_number_of_workers_changes_nothing(written: Path, tmp_path: Path) -> None:
    write_sysu(tmp_path / "two", CONFIG, workers=2)
    assert _tree(tmp_path / "two") == _tree(written)


def test_progress_counts_up_to_all(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_sysu(tmp_path / "out", CONFIG, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 48), (12, 48), (24, 48), (36, 48), (48, 48)]


def test_an_empty_folder_may_exist(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_sysu(tmp_path / "out", CONFIG)
    assert (tmp_path / "out" / "cam6" / "0004" / "0002.jpg").is_file()


def test_a_full_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(DatasetError, match="found files in it; remove it or choose another"):
        write_sysu(tmp_path, CONFIG)
    assert _tree(tmp_path) == {"mine.txt": b"keep me"}


def test_a_file_in_the_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("keep me")
    with pytest.raises(DatasetError, match="expected a new folder, found a file"):
        write_sysu(tmp_path / "out", CONFIG)


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

    def failing(config: SyntheticConfig, identity: int, camera: int, picture: int) -> object:
        made.append(picture)
        if len(made) > 20:
            assert any(tmp_path.iterdir())  # it was under way
            accident()
        return render(config, identity, camera, picture)

    monkeypatch.setattr("mvd.data.synthetic.sysu.render", failing)
    with pytest.raises(error):
        write_sysu(tmp_path / "out", CONFIG)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_progress_stops_the_workers_and_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_sysu(tmp_path / "out", CONFIG, workers=2, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_place_below_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="expected a place to write to, found none"):
        write_sysu(tmp_path / "file" / "out", CONFIG)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="whoever is root may write anywhere")
def test_a_locked_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DatasetError, match="expected a place to write to, found none"):
        write_sysu(tmp_path / "out", CONFIG)
    tmp_path.chmod(0o700)


def test_no_workers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="workers: expected at least 1, found 0"):
        write_sysu(tmp_path / "out", CONFIG, workers=0)
