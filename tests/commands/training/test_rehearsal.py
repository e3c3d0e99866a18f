"""What an evaluation needs is tried before training, by the code that does it later, and by mvd check."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fakes import write_own_table, write_tree
from shell import SIZE, TINY, mvd, printed, refused

from mvd.commands.results.evaluate import prepare_test
from mvd.data.galleries.official import Permutations, save_permutations
from mvd.data.layouts import scan
from mvd.data.samples import Modality
from mvd.errors import ProtocolError
from mvd.metrics.rerank import Reranking

PEOPLE = ("anna", "bo", "cy", "dee", "eve", "fay")
SPLITS = {"anna": "train", "bo": "train", "cy": "validation", "dee": "validation", "eve": "test", "fay": "test"}


def _one_camera(root: Path) -> Path:
    table = write_own_table(root / "people.csv", people=PEOPLE, splits=SPLITS)
    table.write_text(table.read_text().replace(",gate,", ",1,").replace(",hall,", ",1,"))
    return table


def _nobody_to_test(root: Path) -> Path:
    return write_own_table(root / "people.csv", people=PEOPLE, splits=dict.fromkeys(PEOPLE, "train"))


def _validation_in_one_room(root: Path) -> Path:
    data = write_tree(root / "sysu")
    for camera in (1, 4, 5, 6):
        for person in (4, 5):
            shutil.rmtree(data / f"cam{camera}" / f"{person:04d}")
    return data


def _galleries(root: Path) -> Path:
    data = write_tree(root / "sysu")
    test = scan(data).test.of(Modality.VISIBLE)
    pairs = zip(test.cameras.tolist(), test.identities.tolist(), strict=True)
    orders = dict.fromkeys(pairs, np.tile([1, 2], (10, 1)))
    save_permutations(data / "exp" / "rand_perm_cam.mat", Permutations(orders=orders))
    return data


def _a_test_picture_removed(root: Path) -> Path:
    data = _galleries(root)
    (data / "cam1" / "0006" / "0001.jpg").unlink()
    return data


def _galleries_cut_short(root: Path) -> Path:
    data = _galleries(root)
    file = data / "exp" / "rand_perm_cam.mat"
    file.write_bytes(file.read_bytes()[:200])
    return data


@pytest.mark.parametrize(
    ("make", "message", "remedy"),
    [
        (_one_camera, "own-validation/infrared-to-visible/other-cameras: expected queries", "leave the cameras empty"),
        (_validation_in_one_room, "sysu-validation/all-search/single-shot/seeded: expected queries", "other people"),
        (_nobody_to_test, "expected people to test on, found none", "train with --evaluate none"),
        (_a_test_picture_removed, "official permutations order 2 pictures, found 1", "seeded galleries"),
        (_galleries_cut_short, "rand_perm_cam.mat: expected", "seeded galleries"),
    ],
)
def test_what_the_evaluation_needs_is_tried_before_training(
    make: Callable[[Path], Path], message: str, remedy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make(tmp_path)
    capsys.readouterr()
    code = mvd("check", data)
    found = printed(capsys)
    if make is _nobody_to_test:
        assert code == 0
        assert "no people to test on" in found
    else:
        assert code == 1
        assert "ready for" not in found
    assert mvd("prepare", data, *SIZE) == 0
    evaluate = ("--evaluate", "none") if "validation" in message else ()
    text = refused(capsys, "train", data, "--out", tmp_path / "run", *evaluate, *TINY)
    assert message in text
    assert remedy in text
    assert not (tmp_path / "run").exists()


def test_a_data_set_whose_people_cannot_be_tested_trains_without_a_test(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = _a_test_picture_removed(tmp_path)
    assert mvd("prepare", data, *SIZE) == 0
    assert mvd("train", data, "--out", tmp_path / "run", "--evaluate", "none", *TINY) == 0
    assert "official permutations order 2" in refused(capsys, "evaluate", tmp_path / "run")
    seeded = ("--protocols", "sysu/*/single-shot/seeded")
    assert mvd("evaluate", tmp_path / "run", *seeded) == 0
    assert "choose a smaller k1" in refused(capsys, "evaluate", tmp_path / "run", *seeded, "--rerank", "--k1", "99")


def test_what_was_rehearsed_is_ready(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mvd("check", _galleries(tmp_path)) == 0
    assert "ready for: mvd prepare" in printed(capsys)


def test_seeded_galleries_are_no_remedy_for_too_many_neighbours(tmp_path: Path) -> None:
    dataset = scan(_galleries(tmp_path))
    with pytest.raises(ProtocolError, match="choose a smaller k1") as caught:
        prepare_test(dataset, reranking=Reranking(k1=99))
    assert "seeded galleries" not in str(caught.value)
    prepare_test(dataset)
