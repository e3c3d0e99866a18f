"""Tables of samples: selection, round trip through CSV, and what makes one invalid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mvd.data.samples import Modality, Row, Samples, concatenate, from_rows, load_samples, scan_order
from mvd.errors import DatasetError

TABLE = Samples(
    paths=np.array(["cam1/0002/a, b.jpg", "cam3/0002/ü.jpg", "cam1/0001/1.jpg"]),
    identities=np.array([2, 2, 1]),
    cameras=np.array([1, 3, 1]),
    modalities=np.array([Modality.VISIBLE, Modality.INFRARED, Modality.VISIBLE]),
)


def test_rows_are_selected_by_mask_index_and_modality() -> None:
    assert TABLE.take([2, 0]).identities.tolist() == [1, 2]
    assert TABLE.take(TABLE.identities == 2).cameras.tolist() == [1, 3]
    assert TABLE.of(Modality.INFRARED).paths.tolist() == ["cam3/0002/ü.jpg"]
    assert TABLE.people.tolist() == [1, 2]
    assert len(TABLE.take([])) == 0


def test_csv_round_trip_is_exact(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text(TABLE.to_csv(), encoding="utf-8")
    again = load_samples(file)
    assert again.paths.tolist() == TABLE.paths.tolist()
    assert again.identities.tolist() == TABLE.identities.tolist()
    assert again.cameras.tolist() == TABLE.cameras.tolist()
    assert again.modalities.tolist() == TABLE.modalities.tolist()


def test_rows_make_a_table_in_their_order_and_are_sorted_by_identity_camera_and_path() -> None:
    rows = [
        Row("b", 2, 1, Modality.VISIBLE),
        Row("a", 2, 1, Modality.INFRARED),
        Row("z", 1, 6, Modality.INFRARED),
        Row("y", 10, 0, Modality.VISIBLE),
        Row("x", 2, 0, Modality.VISIBLE),
    ]
    table = from_rows(rows)
    assert [
        Row(*row) for row in zip(table.paths, table.identities, table.cameras, table.modalities, strict=True)
    ] == rows
    assert from_rows(sorted(rows, key=scan_order)).paths.tolist() == ["z", "x", "a", "b", "y"]
    assert len(from_rows([])) == 0


def test_concatenation_keeps_order() -> None:
    assert concatenate([TABLE, TABLE]).identities.tolist() == [2, 2, 1, 2, 2, 1]
    assert len(concatenate([])) == 0


def test_columns_are_read_only_and_of_one_length() -> None:
    with pytest.raises(ValueError, match="read-only"):
        TABLE.identities[0] = 5
    with pytest.raises(DatasetError, match="four columns of one length"):
        Samples(paths=np.array(["a"]), identities=np.array([1, 2]), cameras=np.array([1]), modalities=np.array([0]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found nothing"),
        ("path,identity\n", r"found \['path', 'identity'\]"),
        ("path,identity,camera,modality\na,one,1,visible\n", "'one'"),
        ("path,identity,camera,modality\na,1,1,x-ray\n", "X-RAY"),
        ("path,identity,camera,modality\na,1\n", "a bad one"),
    ],
)
def test_a_bad_table_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "table.csv"
    file.write_text(text)
    with pytest.raises(DatasetError, match=rf"table\.csv: expected .*{message}"):
        load_samples(file)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none\.csv: expected a CSV table"):
        load_samples(tmp_path / "none.csv")
