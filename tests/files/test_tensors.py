"""safetensors files of our own writing: the library reads them, and equal content gives equal bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from mvd.files.tensors import write_tensors

TENSORS = {
    "small": np.arange(5, dtype=np.uint8),
    "wide": np.arange(6, dtype=">f8").reshape(2, 3).T,
    "scalar": np.array(3.5, np.float32),
    "empty": np.zeros((0, 4), np.float16),
    "yes": np.array([True, False]),
    "é\N{GREEK SMALL LETTER LAMDA}": np.arange(3, dtype=np.int64),
}


def test_the_library_reads_what_is_written(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    write_tensors(file, TENSORS, {"b": "2 \N{PLUS-MINUS SIGN}", "a": "1"})
    with safe_open(file, framework="numpy") as archive:
        assert archive.metadata() == {"a": "1", "b": "2 \N{PLUS-MINUS SIGN}"}
        assert set(archive.keys()) == set(TENSORS)
        for name, values in TENSORS.items():
            found = archive.get_tensor(name)
            np.testing.assert_array_equal(found, values)
            assert (found.shape, found.dtype) == (values.shape, values.dtype.newbyteorder("="))


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    metadata = {str(number): "x" for number in range(9)}
    write_tensors(tmp_path / "a", TENSORS, metadata)
    write_tensors(tmp_path / "b", dict(reversed(TENSORS.items())), dict(reversed(metadata.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a", "b"]


def test_a_type_that_the_format_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="a is of type complex64"):
        write_tensors(tmp_path / "a", {"a": np.zeros(1, np.complex64)}, {})
