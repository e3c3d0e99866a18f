"""Embeddings in memory and in files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from same_embeddings import assert_equal

from mvd.errors import ConfigError, DatasetError
from mvd.results.embeddings import Embeddings, ModelIdentity, concatenate, read_embeddings, write_embeddings

MODEL = ModelIdentity("night", "81f0" * 16, 3, (64, 32))


def some() -> Embeddings:
    vectors = np.random.default_rng(0).normal(size=(3, 3))
    return Embeddings(
        model=MODEL,
        paths=("a b.jpg", "ä.jpg", "c.jpg"),
        hashes=("0" * 64, "1" * 64, "2" * 64),
        modalities=np.array([0, 1, 1]),
        modality_sources=("flag", "column", "pixels"),
        modality_confidences=np.array([1, 1, 0.75]),
        cameras=("door", None, "yard"),
        times=np.array(["2024-01-01T23:10:00.5", "NaT", "1999-12-31"], "datetime64[us]"),
        identities=(None, "anna", None),
        tags=((), ("lost", "coat"), ("x",)),
        vectors=(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32),
    )


@pytest.mark.parametrize("ending", [".parquet", ".npz"])
def test_a_file_gives_back_what_was_written(tmp_path: Path, ending: str) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    file = tmp_path / "new" / f"out{ending}"
    for rows in (some(), some().take([])):
        write_embeddings(file, rows)
        assert_equal(read_embeddings(file), rows)
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_rows_are_taken_and_joined_in_order() -> None:
    rows = some()
    assert_equal(concatenate([rows.take([0]), rows.take(np.array([False, True, True]))]), rows)
    other = replace(rows, model=replace(MODEL, fingerprint="f" * 64, name="other"))
    with pytest.raises(DatasetError, match=r"night .* and of other"):
        concatenate([rows, other])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"vectors": np.full((3, 3), np.nan)}, r"a b\.jpg: expected a finite vector"),
        ({"vectors": np.eye(3) * [1, 1, 2]}, r"c\.jpg: expected a finite vector of length 1"),
        ({"vectors": np.eye(4)[:3]}, "expected vectors 3 wide"),
        ({"paths": ("a",)}, "expected a row for each picture"),
        ({"modalities": np.array([0, 1, 2])}, "expected modalities 0 and 1"),
    ],
)
def test_rows_that_do_not_fit_are_refused(change: dict[str, object], named: str) -> None:
    with pytest.raises(DatasetError, match=named):
        replace(some(), **change)  # type: ignore[arg-type]


def test_files_that_are_no_embeddings_are_one_line(tmp_path: Path) -> None:
    np.savez(tmp_path / "foreign.npz", a=np.eye(2))
    (tmp_path / "text.npz").write_text("hello")
    whole = tmp_path / "whole.npz"
    write_embeddings(whole, some())
    (tmp_path / "torn.npz").write_bytes(whole.read_bytes()[:-200])
    for name in ("foreign.npz", "text.npz", "torn.npz", "missing.npz"):
        with pytest.raises(DatasetError, match=rf"{name}: expected embeddings") as caught:
            read_embeddings(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"expected a name that ends in \.parquet or \.npz"):
        write_embeddings(tmp_path / "out.csv", some())
