"""The layouts of the synthetic data set: where pictures lie, what the lists say, and what has no place."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mvd.data import layouts
from mvd.data.galleries.official import load_permutations
from mvd.data.samples import Dataset, Modality, Samples
from mvd.errors import ConfigError
from mvd.synthetic import (
    LAYOUTS,
    LLCM_RIG,
    REGDB_RIG,
    SYSU_MM01,
    SYSU_RIG,
    Difficulty,
    LayoutName,
    Plan,
    Rig,
    Sensor,
    SyntheticConfig,
    even_plan,
    render,
    write_dataset,
)

VISIBLE, INFRARED = Modality.VISIBLE, Modality.INFRARED
COMPRESSION = 8  # what it costs at most, grey levels on average; another picture differs by far more
LAYOUTS_OF_OWN_DATA: tuple[LayoutName, ...] = ("folder", "csv")


def _config(rig: Rig, train: int = 2, validation: int = 0, test: int = 2, pictures: int = 2) -> SyntheticConfig:
    plan = even_plan(train=train, validation=validation, test=test, pictures=pictures, rig=rig)
    return SyntheticConfig(seed=4, height=64, quality=95, difficulty=Difficulty(noise=0), plan=plan)


CONFIGS: dict[LayoutName, SyntheticConfig] = {
    "sysu": _config(SYSU_RIG, train=2, validation=1, test=1),
    "regdb": _config(REGDB_RIG, train=3, test=3, pictures=3),
    "llcm": _config(LLCM_RIG, train=2, test=1),
    "folder": _config(SYSU_RIG, train=2, validation=1, test=1),
    "csv": _config(SYSU_RIG, train=2, validation=1, test=1),
}


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[LayoutName, Path]:
    root = tmp_path_factory.mktemp("layouts")
    for name, config in CONFIGS.items():
        write_dataset(root / name, config, name)
    return {name: root / name for name in CONFIGS}


def _files(root: Path) -> set[str]:
    return {file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file()}


def _assert_shows(file: Path, config: SyntheticConfig, identity: int, sensor: Sensor, number: int) -> None:
    with Image.open(file) as image:
        assert image.format == ("BMP" if file.suffix == ".bmp" else "JPEG")
        decoded = np.asarray(image.convert("RGB")).astype(int)
    drawn = render(config, identity, sensor, number)
    assert decoded.shape == drawn.shape
    assert np.abs(decoded - drawn).mean() < (1e-9 if file.suffix == ".bmp" else COMPRESSION)


def test_sysu_lies_in_camera_folders(roots: dict[LayoutName, Path]) -> None:
    root, config = roots["sysu"], CONFIGS["sysu"]
    pictures = {f"cam{c}/{i:04d}/{n:04d}.jpg" for c in range(1, 7) for i in range(1, 5) for n in (1, 2)}
    lists = {f"exp/{name}_id.txt" for name in ("train", "val", "test", "available")}
    assert _files(root) == pictures | lists | {"exp/rand_perm_cam.mat"}
    found = [(root / f"exp/{name}_id.txt").read_bytes() for name in ("train", "val", "test", "available")]
    assert found == [b"1,2\n", b"3\n", b"4\n", b"1,2,3,4\n"]
    _assert_shows(root / "cam5" / "0003" / "0002.jpg", config, 3, Sensor(5, VISIBLE), 2)


def test_galleries_of_sysu_fit_the_pictures(roots: dict[LayoutName, Path]) -> None:
    permutations = load_permutations(roots["sysu"] / "exp" / "rand_perm_cam.mat")
    assert permutations.runs == 10
    planned = {(s.camera, i): count for i, seen in CONFIGS["sysu"].plan.counts.items() for s, count in seen.items()}
    assert {pair: order.shape[1] for pair, order in permutations.orders.items()} == planned
    orders = np.concatenate([order[:, 0] for order in permutations.orders.values()])
    assert 0.3 < (orders == 1).mean() < 0.7  # drawn, not counted up


def test_regdb_lies_in_two_folders_of_bitmaps(roots: dict[LayoutName, Path]) -> None:
    root, config = roots["regdb"], CONFIGS["regdb"]
    pictures = {
        f"{folder}/{i}/person_{letter}_{n:04d}_{i}.bmp"
        for folder, letter in (("Visible", "v"), ("Thermal", "t"))
        for i in range(1, 7)
        for n in (1, 2, 3)
    }
    lists = {
        f"idx/{split}_{folder}_{trial}.txt"
        for split in ("train", "test")
        for folder in ("visible", "thermal")
        for trial in range(1, 11)
    }
    assert _files(root) == pictures | lists
    _assert_shows(root / "Visible/5/person_v_0003_5.bmp", config, 5, Sensor(1, VISIBLE), 3)
    _assert_shows(root / "Thermal/2/person_t_0001_2.bmp", config, 2, Sensor(2, INFRARED), 1)


def test_each_trial_of_regdb_halves_the_people_anew(roots: dict[LayoutName, Path]) -> None:
    halves = set()
    for trial in range(1, 11):
        people: dict[str, set[str]] = {}
        for split in ("train", "test"):
            for folder in ("Visible", "Thermal"):
                lines = (roots["regdb"] / f"idx/{split}_{folder.lower()}_{trial}.txt").read_text().splitlines()
                pairs = [(line.split(" ")[0].split("/"), int(line.split(" ")[1])) for line in lines]
                assert {path[0] for path, _ in pairs} == {folder}
                assert [label for _, label in pairs] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
                who = {path[1] for path, _ in pairs}
                assert len({(path[1], label) for path, label in pairs}) == len(who) == 3
                assert people.setdefault(split, who) == who  # the same ones in both modalities
        assert people["train"] | people["test"] == set("123456")
        halves.add(frozenset(people["train"]))
    assert len(halves) > 5  # of 20


def test_llcm_keeps_training_and_test_apart(roots: dict[LayoutName, Path]) -> None:
    root, config = roots["llcm"], CONFIGS["llcm"]
    sensors = [("vis" if s.modality is VISIBLE else "nir", s.camera) for s in LLCM_RIG.sensors]
    assert ("nir", 3) not in sensors
    trained = {f"{kind}/{i:04d}/c{c}_{n:04d}.jpg" for kind, c in sensors for i in (1, 2) for n in (1, 2)}
    tested = {f"test_{kind}/cam{c}/0003/{n:04d}.jpg" for kind, c in sensors for n in (1, 2)}
    assert _files(root) == trained | tested | {"idx/train_vis.txt", "idx/train_nir.txt", "idx/test_id.txt"}
    assert (root / "idx/test_id.txt").read_bytes() == b"3\n"
    for kind, cameras in (("vis", 9), ("nir", 8)):
        lines = (root / f"idx/train_{kind}.txt").read_text().splitlines()
        assert {line.split(" ")[0] for line in lines} == {path for path in trained if path.startswith(kind)}
        assert [line.split(" ")[1] for line in lines] == ["0"] * 2 * cameras + ["1"] * 2 * cameras
        assert all(int(line.split("/")[1]) == int(line.split(" ")[1]) + 1 for line in lines)
    _assert_shows(root / "nir/0002/c9_0001.jpg", config, 2, Sensor(9, INFRARED), 1)
    _assert_shows(root / "test_vis/cam3/0003/0002.jpg", config, 3, Sensor(3, VISIBLE), 2)


def test_own_folders_number_pictures_through(roots: dict[LayoutName, Path]) -> None:
    root, config = roots["folder"], CONFIGS["folder"]
    pictures = {
        f"{kind}/{i:04d}/{n:04d}.jpg"
        for kind, most in (("visible", 8), ("infrared", 4))
        for i in range(1, 5)
        for n in range(1, most + 1)
    }
    assert _files(root) == pictures | {"train_id.txt", "val_id.txt", "test_id.txt"}
    found = [(root / f"{name}_id.txt").read_bytes() for name in ("train", "val", "test")]
    assert found == [b"0001,0002\n", b"0003\n", b"0004\n"]
    _assert_shows(root / "visible/0002/0003.jpg", config, 2, Sensor(2, VISIBLE), 1)
    _assert_shows(root / "infrared/0004/0004.jpg", config, 4, Sensor(6, INFRARED), 2)


def test_an_own_table_says_everything(roots: dict[LayoutName, Path]) -> None:
    root, config = roots["csv"], CONFIGS["csv"]
    with (root / "samples.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["path", "identity", "camera", "modality", "split"]
    assert _files(root) == {row["path"] for row in rows} | {"samples.csv"}
    assert len(rows) == config.plan.pictures
    assert {(row["identity"], row["split"]) for row in rows} == {
        ("1", "train"), ("2", "train"), ("3", "validation"), ("4", "test")
    }  # fmt: skip
    numbers: dict[tuple[int, Sensor], int] = {}
    for row in rows:
        identity, sensor = int(row["identity"]), Sensor(int(row["camera"]), Modality[row["modality"].upper()])
        numbers[identity, sensor] = numbers.get((identity, sensor), 0) + 1
        _assert_shows(root / row["path"], config, identity, sensor, numbers[identity, sensor])


def _counts(table: Samples) -> dict[tuple[int, int, int], int]:
    """Count a table's pictures by identity, camera and modality."""
    counts: dict[tuple[int, int, int], int] = {}
    for key in zip(table.identities.tolist(), table.cameras.tolist(), table.modalities.tolist(), strict=True):
        counts[key] = counts.get(key, 0) + 1
    return counts


def _planned(plan: Plan, identities: Iterable[int], *, cameras: bool) -> dict[tuple[int, int, int], int]:
    counts: dict[tuple[int, int, int], int] = {}
    for identity in identities:
        for (camera, modality), count in plan.counts[identity].items():
            key = (identity, camera if cameras else 0, int(modality))
            counts[key] = counts.get(key, 0) + count
    return counts


def _anonymous(counts: dict[tuple[int, int, int], int]) -> list[tuple[int, int, int]]:
    """Leave out who is who, where a layout numbers people anew."""
    return sorted((camera, modality, count) for (_, camera, modality), count in counts.items())


@pytest.mark.parametrize("name", ["sysu", "folder", "csv"])
def test_a_scan_finds_what_was_planned(roots: dict[LayoutName, Path], name: LayoutName) -> None:
    plan = CONFIGS[name].plan
    found = layouts.scan(roots[name] / LAYOUTS[name].data)
    for table, people in ((found.train, plan.train), (found.validation, plan.validation), (found.test, plan.test)):
        assert _counts(table) == _planned(plan, people, cameras=name != "folder")


@pytest.mark.parametrize("trial", [1, 10])
def test_a_scan_of_regdb_finds_what_was_planned(roots: dict[LayoutName, Path], trial: int) -> None:
    plan = CONFIGS["regdb"].plan
    found = layouts.scan(roots["regdb"], trial=trial)
    assert (found.name, len(found.validation)) == ("regdb", 0)
    for table in (found.train, found.test):
        assert _anonymous(_counts(table)) == _anonymous(_planned(plan, plan.train, cameras=True))


def test_a_scan_of_llcm_finds_what_was_planned(roots: dict[LayoutName, Path]) -> None:
    plan = CONFIGS["llcm"].plan
    found = layouts.scan(roots["llcm"])
    assert (found.name, len(found.validation)) == ("llcm", 0)
    assert _anonymous(_counts(found.train)) == _anonymous(_planned(plan, plan.train, cameras=False))
    assert _counts(found.test) == _planned(plan, plan.test, cameras=True)


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_stands_for_the_data_set_is_returned(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: LayoutName
) -> None:
    monkeypatch.chdir(tmp_path)
    config = _config(LAYOUTS[name].rig, train=1, test=1, pictures=1)
    assert write_dataset(Path("out"), config, name) == Path("out/samples.csv" if name == "csv" else "out")


@pytest.mark.parametrize("name", LAYOUTS_OF_OWN_DATA)
def test_own_data_has_a_place_for_any_cameras(tmp_path: Path, name: LayoutName) -> None:
    config = _config(LLCM_RIG, train=1, test=1, pictures=1)
    found: Dataset = layouts.scan(write_dataset(tmp_path / name, config, name))
    for table, people in ((found.train, (1,)), (found.test, (2,))):
        assert _counts(table) == _planned(config.plan, people, cameras=name == "csv")


@pytest.mark.parametrize("name", LAYOUTS_OF_OWN_DATA)
def test_people_of_no_split_are_there_and_do_not_count(tmp_path: Path, name: LayoutName) -> None:
    counts = {identity: {Sensor(1, VISIBLE): 1, Sensor(3, INFRARED): 1} for identity in (1, 2, 3)}
    plan = Plan(rig=SYSU_RIG, train=(1,), validation=(), test=(3,), counts=counts)
    data = write_dataset(tmp_path / name, SyntheticConfig(height=64, plan=plan), name)
    assert len([file for file in _files(tmp_path) if file.endswith(".jpg")]) == 6
    found = layouts.scan(data)
    assert (found.train.people.tolist(), found.test.people.tolist()) == ([1], [3])


@pytest.mark.parametrize(("name", "rig"), [("sysu", REGDB_RIG), ("regdb", SYSU_RIG), ("llcm", REGDB_RIG)])
def test_other_cameras_are_refused(tmp_path: Path, name: LayoutName, rig: Rig) -> None:
    wanted = LAYOUTS[name].rig.name
    with pytest.raises(
        ConfigError, match=f"layout {name}: expected the cameras of {wanted}, found those of {rig.name}"
    ):
        write_dataset(tmp_path / "out", _config(rig), name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["regdb", "llcm"])
def test_validation_people_without_a_place_are_refused(tmp_path: Path, name: LayoutName) -> None:
    config = _config(LAYOUTS[name].rig, validation=12)
    with pytest.raises(ConfigError, match=f"layout {name}: expected no validation people, .* found 12; ask for 0"):
        write_dataset(tmp_path / "out", config, name)


@pytest.mark.parametrize("name", ["regdb", "llcm"])
def test_people_of_no_split_without_a_place_are_refused(tmp_path: Path, name: LayoutName) -> None:
    plan = _config(LAYOUTS[name].rig).plan
    plan = Plan(rig=plan.rig, train=(1, 2), validation=(), test=(3,), counts=plan.counts)
    with pytest.raises(ConfigError, match=f"layout {name}: expected everybody in a split, found 4 in none"):
        write_dataset(tmp_path / "out", SyntheticConfig(plan=plan), name)


def test_a_layout_that_nobody_knows_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="layout: expected one of sysu, regdb, llcm, folder, csv, found 'market'"):
        write_dataset(tmp_path / "out", _config(SYSU_RIG), "market")  # type: ignore[arg-type]


def test_the_lists_of_sysu_s_size_name_everybody(tmp_path: Path) -> None:
    LAYOUTS["sysu"].write_lists(tmp_path, SyntheticConfig(plan=SYSU_MM01))
    lists = {name: (tmp_path / f"exp/{name}_id.txt").read_text().split(",") for name in ("train", "val", "test")}
    assert {name: len(ids) for name, ids in lists.items()} == {"train": 296, "val": 99, "test": 96}
